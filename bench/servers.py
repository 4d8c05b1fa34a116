"""Starting the servers: this one and its peers, each on core 0, and how a client speaks to each."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bench import town
from bench.peers.tutorial import sign
from bench.sockets import Client, frame_bounds, text_frame, upgrade
from bench.town import Seat

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
START_S: Final = 30.0
_OPEN: Final = "1000000/second"


class Peer:
    """A server whose rooms are addresses: `ws://…/ws/<room>?token=…`."""

    name = "peer"
    module = ""

    def command(self, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
        """Give the command that serves on this port, and what it needs in its environment."""
        return [sys.executable, "-m", self.module, str(port)], {}

    @property
    def is_installed(self) -> bool:
        """Tell whether it can run here."""
        return True

    def request(self, seat: Seat) -> bytes:
        """Give the handshake of a user."""
        return upgrade(f"/ws/{seat.room_id}?token={sign(seat.username)}", ())

    def greeted(self, client: Client, seat: Seat, rest: bytes) -> bytes | None:
        """Give what follows the greeting, of all that followed the handshake; None: it is not all here."""
        return rest

    def message(self, seat: Seat, body: str) -> bytes:
        """Give the frame that sends a message."""
        return text_frame(json.dumps({"body": body}).encode())


class Tutorial(Peer):
    """The loop of FastAPI tutorials, with rooms and a token."""

    name, module = "tutorial", "bench.peers.tutorial"


class WebsocketsBroadcast(Peer):
    """The library `websockets` and its `broadcast`."""

    name, module = "websockets", "bench.peers.websockets_broadcast"


class Floor(Peer):
    """One frame, written to every socket."""

    name, module = "floor", "bench.peers.floor"


class SocketIo(Peer):
    """python-socketio; its messages are events in packets in frames."""

    name, module = "python-socketio", "bench.peers.socketio_rooms"

    @property
    def is_installed(self) -> bool:
        return find_spec("socketio") is not None

    def request(self, seat: Seat) -> bytes:
        return upgrade("/socket.io/?EIO=4&transport=websocket", ())

    def greeted(self, client: Client, seat: Seat, rest: bytes) -> bytes | None:
        opened = frame_bounds(rest, 0)
        if opened is None:
            return None
        if client.frames_in == 0:
            client.frames_in = 1
            auth = {"token": sign(seat.username), "room": seat.room_id}
            client.send(text_frame(b"40" + json.dumps(auth).encode()))
        connected = frame_bounds(rest, opened[1])
        if connected is None:
            return None
        client.frames_in = 0
        return rest[connected[1] :]

    def message(self, seat: Seat, body: str) -> bytes:
        return text_frame(b"42" + json.dumps(["message", {"body": body}]).encode())


class Ours(Peer):
    """This server, with every check and limit on, and its log."""

    name = "chat"

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def command(self, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
        copy = folder / "data"
        shutil.copytree(self._data_dir, copy)
        settings = {
            "DATA_DIR": str(copy),
            "PORT": str(port),
            "SECRET_KEYS": town.SECRET,
            "ACCESS_TOKEN_SECONDS": str(town.LIFE_SECONDS),
            "DEFAULT_ROOM": "",
            "LOG_FORMAT": "json",
            "HEARTBEAT_SECONDS": "600",  # most sockets of the load are drained, and answer no ping
            "MAX_CONNECTIONS": "20000",
            "RATE_LIMIT_HANDSHAKE": _OPEN,
            "RATE_LIMIT_MESSAGES": _OPEN,
            "RATE_LIMIT_HISTORY": _OPEN,
        }
        return [sys.executable, "-m", "api", "serve"], {f"CHAT_{name}": value for name, value in settings.items()}

    def request(self, seat: Seat) -> bytes:
        return upgrade("/v1/ws", [f"Authorization: Bearer {quote(seat.token)}"])

    def greeted(self, client: Client, seat: Seat, rest: bytes) -> bytes | None:
        welcome = frame_bounds(rest, 0)
        return None if welcome is None else rest[welcome[1] :]

    def message(self, seat: Seat, body: str) -> bytes:
        command = {"type": "message.send", "id": "1", "room_id": seat.room_id, "body": body}
        return text_frame(json.dumps(command).encode())


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    peer: Peer
    pid: int
    port: int
    folder: Path

    def connect(self, seat: Seat, *, receive_buffer_bytes: int = 0) -> Client:
        """Begin the handshake of a user."""
        client = Client(self.port, self.peer.request(seat), receive_buffer_bytes=receive_buffer_bytes)
        client.on_open = lambda rest: self.peer.greeted(client, seat, rest)
        return client


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(peer: Peer, folder: Path) -> Iterator[Server]:
    """Run a server on its core, with its output in `folder`."""
    folder.mkdir(parents=True)
    port = free_port()
    command, settings = peer.command(port, folder)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHAT_")}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            ["taskset", "-c", str(SERVER_CORE), *command],  # noqa: S607
            env=inherited | settings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(process, port, folder / "server.log")
        yield Server(peer, process.pid, port, folder)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")

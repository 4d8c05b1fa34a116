"""A real uvicorn server whose application echoes over the wire extension, and a client made of bytes."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Self, TypeVar

from api.broadcast.wire import Ending, Wire
from api.server.runner import ChatServer, server_config

Message = MutableMapping[str, Any]
Result = TypeVar("Result")

SECONDS: Final = 10.0
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class EchoSink:
    """Answer every message with itself; keep what it was told."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.received: list[tuple[bytes, bool]] = []
        self.losses: list[Ending] = []
        self.pongs = 0
        self.writable_calls = 0
        self.gone = asyncio.Event()
        self.told = threading.Condition()

    def frame_received(self, data: bytes, *, text: bool) -> None:
        with self.told:
            self.received.append((data, text))
            self.told.notify_all()
        if text:
            self.wire.write([data])

    def pong_received(self) -> None:
        with self.told:
            self.pongs += 1
            self.told.notify_all()

    def writable_again(self) -> None:
        with self.told:
            self.writable_calls += 1
            self.told.notify_all()

    def connection_lost(self, ending: Ending) -> None:
        with self.told:
            self.losses.append(ending)
            self.told.notify_all()
        self.gone.set()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until the sink was told what makes this true."""
        with self.told:
            assert self.told.wait_for(condition, SECONDS), vars(self)


class EchoServer:
    """A real server in a thread. Paths: /echo, /late (goes live when the test says so), /broken, /refuse, /plain."""

    def __init__(self, loop: str) -> None:
        self.sinks: dict[str, EchoSink] = {}
        self.accepted = threading.Condition()
        self.go_live = asyncio.Event()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port: int = self._listener.getsockname()[1]
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        config = server_config(self, heartbeat_s=25)
        config.loop = loop
        self.server = ChatServer(config, drain_s=1, on_started=self._note_start)
        self._thread = threading.Thread(target=self.server.run, args=([self._listener],))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(SECONDS)
        return self

    def __exit__(self, *error: object) -> None:
        if self._thread.is_alive():
            self.stop()
        self.join()

    def stop(self) -> None:
        """Begin the end of the server, as SIGTERM does."""
        self.call(lambda: self.server.handle_exit(signal.SIGTERM, None))

    def join(self) -> None:
        """Wait until the server has ended."""
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def _note_start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started.set()

    def call(self, function: Callable[[], Result]) -> Result:
        """Run this in the server's loop."""

        async def run() -> Result:
            return function()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(SECONDS)

    def sink(self, name: str) -> EchoSink:
        """Wait for the connection whose query string is this name."""
        with self.accepted:
            assert self.accepted.wait_for(lambda: name in self.sinks, SECONDS)
        return self.sinks[name]

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Be the application."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await receive()
            await self._socket(scope, receive, send)

    async def _socket(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["path"] == "/refuse":
            headers = [(b"content-type", b"application/problem+json"), (b"www-authenticate", b"Bearer")]
            await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b'{"code": "missing_token"}'})
            return
        await send({"type": "websocket.accept", "subprotocol": None})
        if scope["path"] == "/plain":
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})
            return
        if scope["path"] == "/broken":
            scope["extensions"]["chat.wire"].close(4000, "internal_error", SECONDS)
            return
        sink = EchoSink(scope["extensions"]["chat.wire"])
        with self.accepted:
            self.sinks[scope["query_string"].decode()] = sink
            self.accepted.notify_all()
        if scope["path"] == "/late":
            await self.go_live.wait()
        sink.wire.start(sink)
        await sink.gone.wait()


class Client:
    """A TCP connection that writes and reads frames and does nothing by itself."""

    def __init__(self, server: EchoServer, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(SECONDS)
        self.socket.connect(("127.0.0.1", server.port))
        self.reader = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.reader.close()
        self.socket.close()

    @staticmethod
    def request(target: str) -> bytes:
        return (
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()

    def upgrade(self, target: str, behind: bytes = b"") -> None:
        """Open the WebSocket; `behind` is sent in one piece with the request."""
        self.socket.sendall(self.request(target) + behind)
        assert self.head()[0] == "HTTP/1.1 101 Switching Protocols"

    def head(self) -> list[str]:
        """Read the head of an HTTP answer."""
        lines: list[str] = []
        while line := self.reader.readline().decode().strip():
            lines.append(line)
        return lines

    @staticmethod
    def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
        head = bytes([(0x80 if fin else 0) | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        elif len(payload) < 2**16:
            head += struct.pack("!BH", 0x80 | 126, len(payload))
        else:
            head += struct.pack("!BQ", 0x80 | 127, len(payload))
        return head + bytes(4) + payload

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def send_until_full(self, message: bytes, at_most: int = 100_000_000) -> int:
        """Send this again and again until the kernel takes no more; gives the number of bytes."""
        sent = 0
        self.socket.settimeout(0.5)
        try:
            while sent < at_most:
                sent += self.socket.send(message[sent % len(message) :])
        except TimeoutError:
            return sent
        finally:
            self.socket.settimeout(SECONDS)
        raise AssertionError("the server reads on")

    def read(self) -> tuple[int, bytes]:
        """Read the next frame: opcode and payload. EOFError at the end of the connection."""
        head = self.reader.read(2)
        if len(head) < 2:
            raise EOFError
        assert head[0] & 0x80, "the server writes whole frames"
        length = head[1]
        if length == 126:
            (length,) = struct.unpack("!H", self.reader.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.reader.read(8))
        return head[0] & 0x0F, self.reader.read(length)

    def read_close(self) -> tuple[int, str]:
        """Read on to the close frame; gives code and reason."""
        while True:
            opcode, payload = self.read()
            if opcode == CLOSE:
                return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    def reads_a_close_frame(self) -> bool:
        """Read on to a close frame, or to the end without one."""
        try:
            self.read_close()
        except (EOFError, ConnectionResetError):
            return False
        return True

    def is_at_end(self) -> bool:
        """Wait for the end of the connection."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

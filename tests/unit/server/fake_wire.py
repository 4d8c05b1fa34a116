"""A protocol object with everything around it faked: the transport, the application and the sink."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from uvicorn.server import ServerState

from api.broadcast.wire import Ending
from api.server.runner import server_config
from api.server.websocket import ChatWebSocketProtocol

TEXT: Final = 1
BINARY: Final = 2
CONTINUATION: Final = 0
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

HANDSHAKE: Final = (
    b"GET /v1/ws?ticket=secret HTTP/1.1\r\n"
    b"Host: localhost\r\n"
    b"Connection: Upgrade\r\n"
    b"Upgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

App = Callable[[dict[str, Any], Callable[..., Awaitable[Any]], Callable[..., Awaitable[None]]], Awaitable[None]]


def client_frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Write a frame as a client does; the mask is zero."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 2**16:
        head += struct.pack("!BH", 0x80 | 126, len(payload))
    else:
        head += struct.pack("!BQ", 0x80 | 127, len(payload))
    return head + bytes(4) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Write a client's close frame."""
    return client_frame(CLOSE, struct.pack("!H", code) + reason.encode())


def server_close_frame(code: int, reason: str = "") -> bytes:
    """Give the bytes of a server's close frame."""
    payload = struct.pack("!H", code) + reason.encode()
    return bytes([0x88, len(payload)]) + payload


class FakeTransport(asyncio.Transport):
    """A transport that takes everything down and calls nobody."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        super().__init__({"socket": sock})
        self.written: list[bytes] = []
        self._is_reading = True
        self.was_closed = False
        self.was_aborted = asyncio.Event()
        self.has_written_eof = False
        self.high: int | None = None
        self._protocol: asyncio.BaseProtocol = asyncio.Protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.was_closed, "written to a closed transport"
        self.written.append(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_written_eof = True

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True

    def is_reading(self) -> bool:
        return self._is_reading

    def is_closing(self) -> bool:
        return self.was_closed or self.was_aborted.is_set()

    def close(self) -> None:
        self.was_closed = True

    def abort(self) -> None:
        self.was_aborted.set()

    def take(self) -> bytes:
        """Give what was written since the last call."""
        data, self.written = b"".join(self.written), []
        return data


@dataclass
class RecordingSink:
    """A sink that keeps what it is told, in order; `on_frame` may act on the wire."""

    told: list[tuple[Any, ...]] = field(default_factory=list)
    on_frame: Callable[[bytes], None] = lambda _: None

    def frame_received(self, data: bytes, *, text: bool) -> None:
        self.told.append(("frame", data, text))
        self.on_frame(data)

    def pong_received(self) -> None:
        self.told.append(("pong",))

    def writable_again(self) -> None:
        self.told.append(("writable",))

    def connection_lost(self, ending: Ending) -> None:
        self.told.append(("lost", *ending))

    @property
    def frames(self) -> list[bytes]:
        """The messages alone."""
        return [entry[1] for entry in self.told if entry[0] == "frame"]


class FakeConnection:
    """One protocol object between a fake transport and an application."""

    def __init__(self, app: App, sock: socket.socket | None = None) -> None:
        self.scope: dict[str, Any] = {}

        async def keeping_scope(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
            self.scope = scope
            await app(scope, receive, send)

        config = server_config(keeping_scope, heartbeat_s=25)
        config.load()
        self.state = ServerState()
        self.protocol = ChatWebSocketProtocol(config, self.state, {}, asyncio.get_running_loop())
        self.transport = FakeTransport(sock)
        self.sink = RecordingSink()
        self.protocol.connection_made(self.transport)

    @property
    def wire(self) -> ChatWebSocketProtocol:
        """The extension, as the application finds it."""
        wire = self.scope["extensions"]["chat.wire"]
        assert isinstance(wire, ChatWebSocketProtocol)
        return wire

    def receive(self, *data: bytes) -> None:
        """Let these bytes arrive in one read."""
        self.protocol.data_received(b"".join(data))

    def lose(self, error: Exception | None = None) -> None:
        """Let the transport be gone."""
        self.protocol.connection_lost(error)

    async def settle(self) -> None:
        """Let everything run that is ready to run."""
        for _ in range(10):
            await asyncio.sleep(0)


async def accept_and_park(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
    """Accept, then do nothing more, as an application does whose connection went live."""
    assert await receive() == {"type": "websocket.connect"}
    await send({"type": "websocket.accept"})
    await asyncio.get_running_loop().create_future()


async def accepted(app: App = accept_and_park) -> FakeConnection:
    """Open a connection up to the 101; it is not live yet."""
    connection = FakeConnection(app)
    connection.receive(HANDSHAKE)
    await connection.settle()
    assert connection.transport.take().startswith(b"HTTP/1.1 101 ")
    return connection


async def live(on_frame: Callable[[ChatWebSocketProtocol, bytes], None] | None = None) -> FakeConnection:
    """Open a connection and start its wire."""
    connection = await accepted()
    if on_frame is not None:
        connection.sink.on_frame = lambda data: on_frame(connection.wire, data)
    connection.wire.start(connection.sink)
    return connection

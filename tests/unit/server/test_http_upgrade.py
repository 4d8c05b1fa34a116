"""From HTTP to a WebSocket: nothing that came with the request is lost, nothing that is still owed gets into frames."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.server import ServerState

from api.server.http import ChatHttpProtocol
from api.server.runner import server_config
from api.server.websocket import ChatWebSocketProtocol
from tests.unit.server.fake_wire import HANDSHAKE, TEXT, FakeTransport, RecordingSink, client_frame

PLAIN = b"GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n"


class House:
    """A connection that begins as HTTP; its application answers plain requests when it is told to."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked: list[str] = []
        self.sink = RecordingSink()
        config = server_config(self._serve, heartbeat_s=25)
        config.load()
        self._protocol = ChatHttpProtocol(config, ServerState(), {}, asyncio.get_running_loop())
        self.transport = FakeTransport()
        self.transport.set_protocol(self._protocol)
        self._protocol.connection_made(self.transport)

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        self.asked.append(scope["type"])
        if scope["type"] == "http":
            await self.may_answer.wait()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        scope["extensions"]["chat.wire"].start(self.sink)
        await asyncio.get_running_loop().create_future()

    async def receive(self, *data: bytes) -> bytes:
        """Let these bytes arrive in one read, at whoever owns the transport; give what was answered."""
        owner = self.transport.get_protocol()
        assert isinstance(owner, asyncio.Protocol)
        owner.data_received(b"".join(data))
        for _ in range(10):
            await asyncio.sleep(0)
        return self.transport.take()

    def pause(self) -> None:
        """Tell the connection that its client does not read."""
        self._protocol.pause_writing()

    @property
    def is_socket(self) -> bool:
        return isinstance(self.transport.get_protocol(), ChatWebSocketProtocol)

    @property
    def was_cut(self) -> bool:
        return self.transport.was_aborted.is_set()


async def test_frames_in_one_read_with_the_request_are_not_lost() -> None:
    house = House()
    answer = await house.receive(HANDSHAKE, client_frame(TEXT, b"first"), client_frame(TEXT, b"second")[:3])
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert house.is_socket
    await house.receive(client_frame(TEXT, b"second")[3:])
    assert house.sink.frames == [b"first", b"second"]


async def test_a_request_that_comes_in_pieces_is_upgraded_at_its_last() -> None:
    house = House()
    assert await house.receive(HANDSHAKE[:40]) == b""
    assert not house.is_socket
    assert (await house.receive(HANDSHAKE[40:])).startswith(b"HTTP/1.1 101 ")
    await house.receive(client_frame(TEXT, b"first"))
    assert house.sink.frames == [b"first"]


async def test_an_upgrade_behind_an_answered_request_is_one_like_any_other() -> None:
    house = House()
    house.may_answer.set()
    assert (await house.receive(PLAIN)).startswith(b"HTTP/1.1 204 ")
    assert (await house.receive(HANDSHAKE)).startswith(b"HTTP/1.1 101 ")
    assert house.asked == ["http", "websocket"]


async def test_an_upgrade_behind_a_request_that_waits_for_its_answer_ends_the_connection() -> None:
    for pieces in ([PLAIN, HANDSHAKE], [PLAIN + HANDSHAKE]):
        house = House()
        for piece in pieces:
            assert await house.receive(piece) == b""
        assert house.was_cut
        assert not house.is_socket
        assert house.asked == ["http"]
        house.may_answer.set()


async def test_an_upgrade_of_a_client_that_does_not_read_ends_the_connection() -> None:
    house = House()
    house.pause()
    assert await house.receive(HANDSHAKE) == b""
    assert house.was_cut
    assert house.asked == []


async def test_an_upgrade_in_http_1_0_is_a_plain_request_and_the_last() -> None:
    house = House()
    house.may_answer.set()
    answer = await house.receive(HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"), client_frame(TEXT, b"first"))
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert house.asked == ["http"]
    assert house.transport.has_written_eof

"""One WebSocket: answers find their commands, pushes keep their order, silence ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError as WebSocketClosedError
from websockets.frames import Close

from chat_client.connection import Answer, Connection
from chat_client.errors import BadAnswerError, ChatApiError, ConnectionClosedError
from tests.unit.chat_client import wire


class FakeSocket:
    """Stands where the library's connection stands."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[str | Exception] = asyncio.Queue()
        self.sent: list[wire.Json] = []
        self.was_closed = False
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.transport = self

    def bring(self, *frames: wire.Json | str | Exception) -> None:
        for frame in frames:
            self.frames.put_nowait(json.dumps(frame) if isinstance(frame, dict) else frame)

    def closes(self, code: int, reason: str = "") -> None:
        self.close_code, self.close_reason = code, reason
        received = None if code == 1006 else Close(code, reason)
        self.bring(WebSocketClosedError(received, None))

    async def recv(self) -> str:
        frame = await self.frames.get()
        if isinstance(frame, Exception):
            raise frame
        return frame

    async def send(self, data: bytes, *, text: bool) -> None:
        assert text
        if self.close_code is not None:
            raise WebSocketClosedError(None, None)
        self.sent.append(json.loads(data))

    async def close(self) -> None:
        self.was_closed = True

    def abort(self) -> None:
        self.closes(1006)


class Wire:
    """A connection over a fake socket, being read."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        self.socket = FakeSocket()
        socket = cast("ClientConnection", self.socket)
        self.connection = Connection(socket, wire.welcome(heartbeat_ms=20), **({"grace_s": 30.0} | options))
        self.pushes: list[wire.Json] = []
        self.reading = asyncio.create_task(self.connection.read(self.pushes.append))

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def wired() -> AsyncIterator[Wire]:
    found = Wire()
    yield found
    if not found.reading.done():
        found.socket.closes(1000)
    await asyncio.gather(found.reading, return_exceptions=True)


async def test_answers_find_their_commands_in_any_order(wired: Wire) -> None:
    first = asyncio.create_task(wired.connection.request("ping", {}))
    second = asyncio.create_task(wired.connection.request("read.mark", {"room_id": "r1", "seq": 2}))
    await wired.settle()
    assert wired.socket.sent == [
        {"type": "ping", "id": "c1"},
        {"type": "read.mark", "id": "c2", "room_id": "r1", "seq": 2},
    ]
    wired.socket.bring(
        {"type": "error", "id": "c2", "code": "forbidden", "detail": "no", "retryable": False},
        {"type": "ack", "id": "c1", "result": {"server_time": wire.AT}},
    )
    assert await first == {"server_time": wire.AT}
    with pytest.raises(ChatApiError, match="forbidden: no"):
        await second


async def test_answers_and_pushes_are_handed_over_in_the_order_of_the_wire(wired: Wire) -> None:
    await wired.connection.start("message.send", {}, lambda _: wired.pushes.append({"type": "the answer"}))
    wired.socket.bring({"type": "one"}, {"type": "ack", "id": "c1", "result": {}}, {"type": "two"})
    await wired.settle()
    assert [frame["type"] for frame in wired.pushes] == ["one", "the answer", "two"]


async def test_unmatched_answers_and_unknown_frames_do_no_harm(wired: Wire) -> None:
    wired.socket.bring(
        {"type": "ack", "id": "c99", "result": {}},
        {"type": "error", "id": None, "code": "invalid_frame", "detail": "", "retryable": False},
        {"type": "something.new"},
    )
    await wired.settle()
    assert wired.pushes == [{"type": "something.new"}]
    assert not wired.reading.done()


async def test_the_end_answers_all_commands_once(wired: Wire) -> None:
    answers: list[Answer] = []
    await wired.connection.start("ping", {}, answers.append)
    waiting = asyncio.create_task(wired.connection.request("ping", {}))
    await wired.settle()
    wired.socket.closes(4001, "draining")
    ended = await wired.reading
    assert (ended.code, ended.reason) == (4001, "draining")
    with pytest.raises(ConnectionClosedError):
        await waiting
    await wired.connection.start("ping", {}, answers.append)
    assert [type(answer) for answer in answers] == [ConnectionClosedError, ConnectionClosedError]
    assert len(wired.socket.sent) == 2


async def test_a_command_written_into_a_socket_that_is_ending_is_answered(wired: Wire) -> None:
    wired.socket.close_code = 1006
    waiting = asyncio.create_task(wired.connection.request("ping", {}))
    await wired.settle()
    wired.socket.closes(1006)
    with pytest.raises(ConnectionClosedError):
        await waiting


async def test_a_cancelled_command_leaves_the_others_alone(wired: Wire) -> None:
    waiting = asyncio.create_task(wired.connection.request("ping", {}))
    await wired.settle()
    waiting.cancel()
    await wired.settle()
    wired.socket.bring({"type": "ack", "id": "c1", "result": {}}, {"type": "something"})
    await wired.settle()
    assert wired.pushes == [{"type": "something"}]


async def test_a_command_that_is_too_large_is_refused_here(wired: Wire) -> None:
    """The server would close with 1009, which stops a client."""
    with pytest.raises(ChatApiError, match="too_large"):
        await wired.connection.request("message.send", {"body": "é" * 32_768})
    assert wired.socket.sent == []


async def test_a_lone_surrogate_reaches_the_server_that_has_to_refuse_it(wired: Wire) -> None:
    await wired.connection.start("message.send", {"body": "\ud800 é"}, lambda _: None)
    assert wired.socket.sent[0]["body"] == "\ud800 é"


@pytest.mark.parametrize("frame", ["no json", "[" * 100_000, "[]", '{"type": "ack", "id": "c1"}', '{"no": "type"}'])
async def test_a_frame_outside_the_contract_ends_the_connection(wired: Wire, frame: str) -> None:
    await wired.connection.start("ping", {}, lambda _: None)
    wired.socket.bring(frame)
    with pytest.raises(BadAnswerError):
        await wired.reading
    assert wired.socket.was_closed


async def test_silence_ends_the_connection() -> None:
    silent = Wire(grace_s=0.05)
    ended = await asyncio.wait_for(silent.reading, 5)
    assert (ended.code, ended.reason) == (1006, "nothing heard from the server")


async def test_any_frame_breaks_the_silence() -> None:
    heard = Wire(grace_s=0.13)
    for _ in range(6):
        await asyncio.sleep(0.05)
        heard.socket.bring({"type": "heartbeat", "server_time": wire.AT})
    assert not heard.reading.done()
    await asyncio.wait_for(heard.reading, 5)


async def test_a_command_left_unanswered_ends_the_connection() -> None:
    stuck = Wire(answer_timeout_s=0.05)
    waiting = asyncio.create_task(stuck.connection.request("ping", {}))
    ended = await asyncio.wait_for(stuck.reading, 5)
    assert ended.reason == "a command was not answered"
    with pytest.raises(ConnectionClosedError):
        await waiting


async def test_what_this_side_closed_is_no_verdict_of_the_server(wired: Wire) -> None:
    """A frame too large for us closes with our own 1009; the one that stops a client is the server's."""
    wired.socket.bring(WebSocketClosedError(None, Close(1009, "too big")))
    assert (await wired.reading).code == 1006


async def test_a_welcome_comes_first() -> None:
    socket = FakeSocket()
    socket.bring(wire.welcome())
    connection = await Connection.begin(cast("ClientConnection", socket), access_token="t")
    assert connection.welcome["connection_id"] == "c"


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ({"type": "heartbeat"}, BadAnswerError),
        ({"type": "welcome"}, BadAnswerError),
        ("{", BadAnswerError),
        ('{"type": "welcome", "heartbeat_ms": 25000, "limits": {"frame_bytes": 1e999}}', BadAnswerError),
        (WebSocketClosedError(Close(4500, "session_revoked"), None), ConnectionClosedError),
    ],
)
async def test_without_a_welcome_there_is_no_connection(
    frame: wire.Json | str | Exception, error: type[Exception]
) -> None:
    socket = FakeSocket()
    socket.bring(frame)
    with pytest.raises(error):
        await Connection.begin(cast("ClientConnection", socket), access_token="t")
    assert socket.was_closed

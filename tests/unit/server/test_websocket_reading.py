"""How messages reach the sink: whole, in order, and only when it wants them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.server.websocket import ChatWebSocketProtocol
from tests.unit.server.fake_wire import (
    BINARY,
    CONTINUATION,
    HANDSHAKE,
    PING,
    TEXT,
    FakeConnection,
    accept_and_park,
    accepted,
    client_frame,
    close_frame,
    live,
    server_close_frame,
)


async def test_a_message_reaches_the_sink_in_the_call_that_brings_it() -> None:
    connection = await live()
    connection.receive(client_frame(TEXT, b"one"), client_frame(BINARY, b"\xff\x00"))
    assert connection.sink.told == [("frame", b"one", True), ("frame", b"\xff\x00", False)]
    assert connection.protocol.queue.empty()
    assert connection.transport.is_reading()


async def test_messages_from_before_the_start_are_handed_over_in_order() -> None:
    connection = await accepted()
    connection.receive(client_frame(TEXT, "zwölf".encode()), client_frame(BINARY, b"\xff"))
    connection.receive(client_frame(TEXT, b"three"))
    assert not connection.transport.is_reading()
    connection.wire.start(connection.sink)
    assert connection.sink.told == [
        ("frame", "zwölf".encode(), True),
        ("frame", b"\xff", False),
        ("frame", b"three", True),
    ]
    assert connection.transport.is_reading()
    connection.receive(client_frame(TEXT, b"four"))
    assert connection.sink.frames[-1] == b"four"


async def test_a_message_split_by_the_start_is_whole() -> None:
    connection = await accepted()
    connection.receive(client_frame(TEXT, b"be", fin=False))
    connection.wire.start(connection.sink)
    connection.receive(client_frame(CONTINUATION, b"gin"))
    assert connection.sink.told == [("frame", b"begin", True)]


async def test_bytes_from_before_the_101_wait_for_it() -> None:
    connection = FakeConnection(accept_and_park)
    connection.receive(HANDSHAKE)
    connection.receive(client_frame(PING, b"early"), client_frame(TEXT, b"hi"))
    assert not connection.transport.is_reading()
    assert connection.transport.take() == b""
    await connection.settle()
    answer = connection.transport.take()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"\x8a\x05early")
    connection.wire.start(connection.sink)
    assert connection.sink.frames == [b"hi"]


async def test_fragments_become_one_message_and_control_frames_pass_between_them() -> None:
    connection = await live()
    connection.receive(client_frame(TEXT, b"fr\xc3", fin=False))
    connection.receive(client_frame(PING, b"now"))
    assert connection.transport.take() == b"\x8a\x03now"
    connection.receive(client_frame(CONTINUATION, b"\xa4g", fin=False), client_frame(CONTINUATION, b"ment"))
    assert connection.sink.told == [("frame", "frägment".encode(), True)]


async def test_a_paused_sink_gets_no_message_even_of_the_same_read() -> None:
    def pause_after_two(wire: ChatWebSocketProtocol, data: bytes) -> None:
        if data == b"2":
            wire.pause_reading()

    connection = await live(pause_after_two)
    connection.receive(*(client_frame(TEXT, b"%d" % number) for number in range(1, 6)))
    assert connection.sink.frames == [b"1", b"2"]
    assert not connection.transport.is_reading()
    connection.wire.resume_reading()
    assert connection.sink.frames == [b"1", b"2"], "not inside the call that resumes"
    await connection.settle()
    assert connection.sink.frames == [b"1", b"2", b"3", b"4", b"5"]
    assert connection.transport.is_reading()


async def test_a_sink_may_pause_again_at_every_message() -> None:
    connection = await live(lambda wire, _: wire.pause_reading())
    connection.receive(*(client_frame(TEXT, b"%d" % number) for number in range(3)))
    for number in range(1, 4):
        assert len(connection.sink.frames) == number
        assert not connection.transport.is_reading()
        connection.wire.resume_reading()
        await connection.settle()
    assert connection.sink.frames == [b"0", b"1", b"2"]
    assert connection.transport.is_reading()


async def test_a_sink_may_pause_while_it_gets_what_came_before_the_start() -> None:
    connection = await accepted()
    connection.receive(client_frame(TEXT, b"1"), client_frame(TEXT, b"2"))
    connection.sink.on_frame = lambda _: connection.wire.pause_reading()
    connection.wire.start(connection.sink)
    assert connection.sink.frames == [b"1"]
    assert not connection.transport.is_reading()
    connection.wire.resume_reading()
    await connection.settle()
    assert connection.sink.frames == [b"1", b"2"]


async def test_a_connection_may_be_paused_before_it_starts() -> None:
    connection = await accepted()
    connection.receive(client_frame(TEXT, b"1"))
    connection.wire.pause_reading()
    connection.receive(client_frame(TEXT, b"2"), client_frame(TEXT, b"3"))
    connection.wire.start(connection.sink)
    assert connection.sink.frames == []
    assert not connection.transport.is_reading()
    connection.wire.resume_reading()
    await connection.settle()
    assert connection.sink.frames == [b"1", b"2", b"3"]
    assert connection.transport.is_reading()


async def test_a_close_frame_waits_behind_the_messages_that_are_held() -> None:
    connection = await live(lambda wire, _: wire.pause_reading())
    connection.receive(client_frame(TEXT, b"1"), client_frame(PING), client_frame(TEXT, b"2"), close_frame(1000))
    connection.wire.write([b"answer to 1"])
    assert connection.transport.take() == b"\x81\x0banswer to 1"
    connection.wire.resume_reading()
    await connection.settle()
    connection.wire.write([b"answer to 2"])
    connection.wire.resume_reading()
    await connection.settle()
    written = connection.transport.take()
    assert written.startswith(b"\x81\x0banswer to 2")
    assert written.endswith(server_close_frame(1000))
    assert connection.sink.told[-1] == ("lost", 1000, "", "client")
    connection.lose()


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (client_frame(CONTINUATION, b"of nothing"), 1002),
        (b"\x81\x05hello", 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (client_frame(TEXT, b"a", fin=False) + client_frame(TEXT, b"b"), 1002),
        (client_frame(TEXT, b"\xff"), 1007),
        (client_frame(TEXT, b"\xc3", fin=False) + client_frame(CONTINUATION, b"\x28"), 1007),
        (client_frame(BINARY, bytes(65_537)), 1009),
        (client_frame(TEXT, b"x" * 65_536, fin=False) + client_frame(CONTINUATION, b"y"), 1009),
    ],
    ids=["continuation", "unmasked", "opcode", "interleaved", "utf-8", "split utf-8", "size", "size of fragments"],
)
async def test_a_client_that_breaks_the_protocol_gets_the_code_and_the_log_nothing(
    broken: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await live()
    connection.receive(client_frame(TEXT, b"good"), broken, client_frame(TEXT, b"ignored"))
    assert connection.sink.frames == [b"good"]
    assert [entry[:2] for entry in connection.sink.told[1:]] == [("lost", code)]
    written = connection.transport.take()
    assert written[0] == 0x88
    assert int.from_bytes(written[2:4], "big") == code
    assert connection.transport.has_written_eof, "closing both ways would reset the connection and lose the frame"
    assert connection.protocol.close_timer is not None
    connection.receive(client_frame(TEXT, b"ignored"))
    connection.lose()
    assert len(connection.sink.told) == 2, "told once"
    assert caplog.records == []


async def test_a_client_that_breaks_the_protocol_before_the_start_is_reported_after_it() -> None:
    connection = await accepted()
    connection.receive(client_frame(TEXT, b"\xff"))
    connection.wire.start(connection.sink)
    assert connection.sink.told == [], "never out of start()"
    await connection.settle()
    assert [entry[:2] for entry in connection.sink.told] == [("lost", 1007)]
    connection.lose()


async def test_without_the_wire_messages_take_the_asgi_way() -> None:
    received: list[dict[str, Any]] = []

    async def plain(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            received.append(message)
            if message["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "text": message["text"]})

    connection = await accepted(plain)
    connection.receive(client_frame(TEXT, b"echo"))
    await connection.settle()
    assert connection.transport.take() == b"\x81\x04echo"
    connection.receive(close_frame(1001, "bye"))
    await connection.settle()
    assert received[-1] == {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}
    connection.lose()
    assert asyncio.all_tasks() == {asyncio.current_task()}

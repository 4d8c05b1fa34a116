"""How a connection ends: with which code, how soon, and that the sink hears of it exactly once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.server.tcp import LINGER_S
from api.server.websocket import SHUTDOWN_GRACE_S
from tests.unit.server.fake_wire import (
    TEXT,
    FakeConnection,
    accepted,
    client_frame,
    close_frame,
    live,
    server_close_frame,
)


def _seconds_left(connection: FakeConnection) -> float:
    timer = connection.protocol.close_timer
    assert timer is not None
    return timer.when() - connection.protocol.loop.time()


async def test_our_close_frame_goes_behind_what_was_written() -> None:
    connection = await live()
    connection.wire.write([b"last words"])
    connection.wire.close(4001, "draining", 5)
    assert connection.transport.take() == b"\x81\x0alast words" + server_close_frame(4001, "draining")
    assert not connection.transport.is_closing(), "the peer has to answer first"
    assert connection.sink.told == []
    assert 4.5 < _seconds_left(connection) <= 5
    connection.lose()


async def test_the_peers_answer_ends_the_transport_and_keeps_the_deadline() -> None:
    connection = await live()
    connection.wire.close(4001, "draining", 5)
    connection.receive(close_frame(4001, "draining"))
    assert connection.transport.was_closed
    assert _seconds_left(connection) > 4, "what is unsent to a peer that never reads must not keep the socket"
    connection.lose()
    assert connection.sink.told == [("lost", 4001, "draining", "server")]
    assert connection.protocol.close_timer is None


async def test_a_peer_that_does_not_answer_is_cut_off_after_the_grace() -> None:
    connection = await live()
    connection.wire.close(4003, "slow_consumer", 0.01)
    await asyncio.wait_for(connection.transport.was_aborted.wait(), 5)
    connection.lose()
    assert connection.sink.told == [("lost", 4003, "slow_consumer", "server")]


async def test_only_the_first_close_counts() -> None:
    connection = await live()
    connection.wire.close(4001, "draining", 5)
    connection.transport.take()
    connection.wire.close(4003, "slow_consumer", 1)
    assert connection.transport.take() == b""
    assert _seconds_left(connection) > 4
    connection.lose()
    assert connection.sink.told == [("lost", 4001, "draining", "server")]


async def test_messages_behind_our_close_are_dropped() -> None:
    connection = await live(lambda wire, data: wire.close(4501, "too_many_errors", 5) if data == b"2" else None)
    connection.receive(*(client_frame(TEXT, b"%d" % number) for number in (1, 2, 3)))
    connection.receive(client_frame(TEXT, b"4"))
    assert connection.sink.frames == [b"1", b"2"]
    connection.lose()


async def test_closing_reads_on_though_the_sink_had_paused() -> None:
    connection = await live(lambda wire, _: wire.pause_reading())
    connection.receive(client_frame(TEXT, b"1"), client_frame(TEXT, b"2"))
    connection.wire.close(4003, "slow_consumer", 5)
    connection.wire.pause_reading()
    await connection.settle()
    assert connection.transport.is_reading()
    assert connection.sink.frames == [b"1"]
    connection.receive(close_frame(4003))
    assert connection.transport.was_closed
    connection.lose()


async def test_closing_while_the_peers_close_frame_is_held_completes_the_handshake() -> None:
    connection = await live(lambda wire, _: wire.pause_reading())
    connection.receive(client_frame(TEXT, b"1"), close_frame(1000))
    connection.wire.close(4001, "draining", 5)
    await connection.settle()
    assert connection.transport.take() == server_close_frame(1000)
    assert connection.transport.was_closed
    connection.lose()
    assert connection.sink.told[1:] == [("lost", 4001, "draining", "server")]


async def test_the_peers_close_is_answered_and_reported_at_once() -> None:
    connection = await live()
    connection.receive(close_frame(1001, "going away"))
    assert connection.transport.take() == server_close_frame(1001, "going away")
    assert connection.transport.was_closed
    assert connection.sink.told == [("lost", 1001, "going away", "client")]
    assert _seconds_left(connection) <= LINGER_S, "it may never read our answer"
    connection.lose()
    assert connection.sink.told == [("lost", 1001, "going away", "client")]


async def test_a_close_frame_without_a_code_is_1005() -> None:
    connection = await live()
    connection.receive(client_frame(8))
    assert connection.sink.told == [("lost", 1005, "", "client")]
    connection.lose()


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_a_lost_line_is_1006(error: Exception | None) -> None:
    connection = await live()
    connection.lose(error)
    assert connection.sink.told == [("lost", 1006, "", "nobody")]


async def test_abort_cuts_at_once_and_is_1006() -> None:
    connection = await live()
    connection.wire.abort()
    assert connection.transport.was_aborted.is_set()
    connection.lose()
    assert connection.sink.told == [("lost", 1006, "", "nobody")]


async def test_the_end_of_the_peers_side_gives_the_rest_of_the_buffer_a_deadline() -> None:
    connection = await live()
    connection.protocol.eof_received()
    assert _seconds_left(connection) <= LINGER_S
    connection.lose()


@pytest.mark.parametrize("way", ["close frame", "lost line"])
async def test_a_connection_that_ended_before_the_start_is_reported_after_it(way: str) -> None:
    connection = await accepted()
    connection.receive(client_frame(TEXT, b"last words"))
    if way == "close frame":
        connection.receive(close_frame(1000, "bye"))
    connection.lose()
    connection.wire.start(connection.sink)
    assert connection.sink.told == [("frame", b"last words", True)], "never out of start()"
    await connection.settle()
    assert connection.sink.told[1:] == [
        ("lost", 1000, "bye", "client") if way == "close frame" else ("lost", 1006, "", "nobody")
    ]


async def test_nothing_is_told_after_the_loss() -> None:
    connection = await live()
    connection.lose()
    connection.protocol.resume_writing()
    connection.protocol.connections.add(connection.protocol)
    connection.lose()
    assert connection.sink.told == [("lost", 1006, "", "nobody")]


async def test_a_task_that_returns_while_the_peer_stalls_keeps_no_socket() -> None:
    finish = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        await receive()
        await send({"type": "websocket.accept"})
        await finish.wait()

    connection = await accepted(app)
    connection.wire.start(connection.sink)
    finish.set()
    await connection.settle()
    assert connection.transport.was_closed
    assert _seconds_left(connection) <= LINGER_S
    connection.lose()


async def test_shutdown_of_the_server_closes_what_is_live_with_1012() -> None:
    connection = await live()
    connection.protocol.shutdown()
    assert connection.transport.take() == server_close_frame(1012)
    assert _seconds_left(connection) <= SHUTDOWN_GRACE_S
    connection.lose()
    assert connection.sink.told == [("lost", 1012, "", "server")]


async def test_shutdown_of_the_server_keeps_the_code_of_a_drain_and_shortens_its_grace() -> None:
    connection = await live()
    connection.wire.close(4001, "draining", 20)
    connection.transport.take()
    connection.protocol.shutdown()
    assert connection.transport.take() == b""
    assert _seconds_left(connection) <= SHUTDOWN_GRACE_S
    connection.lose()
    assert connection.sink.told == [("lost", 4001, "draining", "server")]

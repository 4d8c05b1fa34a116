"""What the wire writes, and what it says about its buffer."""

from __future__ import annotations

import logging

import pytest

from api.server.framing import text_frame
from api.server.websocket import WRITE_HIGH_BYTES
from tests.unit.server.fake_wire import HANDSHAKE, PING, PONG, FakeConnection, accept_and_park, client_frame, live


async def test_all_payloads_of_a_call_go_out_framed_in_one_write() -> None:
    connection = await live()
    payloads = [b"", b"a" * 125, b"b" * 126, b"c" * 65_535, b"d" * 65_536]
    connection.wire.write(payloads)
    assert connection.transport.written == [b"".join(text_frame(p) for p in payloads)]


async def test_the_transport_asks_for_a_pause_above_64_kib() -> None:
    connection = await live()
    assert connection.transport.high == WRITE_HIGH_BYTES == 65_536


async def test_a_full_transport_is_not_writable_until_it_has_drained() -> None:
    connection = await live()

    def is_writable() -> bool:
        return connection.wire.is_writable

    assert is_writable()
    connection.protocol.pause_writing()
    assert not is_writable()
    assert connection.sink.told == []
    connection.protocol.resume_writing()
    assert is_writable()
    assert connection.sink.told == [("writable",)]


async def test_nothing_is_written_behind_the_close_frame() -> None:
    connection = await live()
    connection.wire.close(4001, "draining", 5)
    connection.transport.take()
    connection.wire.write([b"late"])
    connection.wire.ping()
    connection.receive(client_frame(PING, b"still there?"))
    assert connection.transport.take() == b""
    connection.lose()


async def test_a_write_after_the_loss_is_no_error() -> None:
    connection = await live()
    connection.transport.close()
    connection.lose()
    connection.wire.write([b"late"])
    connection.wire.ping()
    connection.wire.close(4001, "draining", 5)
    connection.wire.pause_reading()
    connection.wire.resume_reading()
    connection.wire.abort()
    await connection.settle()
    assert connection.transport.take() == b""
    assert connection.protocol.close_timer is None


async def test_only_the_pong_of_the_last_ping_counts_and_only_once() -> None:
    connection = await live()
    connection.wire.ping()
    first = connection.transport.take()
    connection.wire.ping()
    second = connection.transport.take()
    assert first[:2] == second[:2] == b"\x89\x04"
    connection.receive(client_frame(PONG, first[2:]), client_frame(PONG, b"what"), client_frame(PONG, b""))
    assert connection.sink.told == []
    connection.receive(client_frame(PONG, second[2:]), client_frame(PONG, second[2:]))
    assert connection.sink.told == [("pong",)]


async def test_a_clients_ping_is_answered_with_its_payload() -> None:
    connection = await live()
    connection.receive(client_frame(PING, b"hello"))
    assert connection.transport.take() == b"\x8a\x05hello"


async def test_an_open_connection_has_no_timer() -> None:
    connection = await live()
    connection.wire.write([b"x"])
    connection.wire.ping()
    assert connection.protocol.close_timer is None
    assert connection.protocol.ping_timer is None
    assert connection.protocol.pong_timer is None


async def test_no_line_of_the_log_holds_the_query_string(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    connection = FakeConnection(accept_and_park)
    connection.receive(HANDSHAKE)
    await connection.settle()
    connection.lose()
    assert "secret" in connection.protocol.request.path
    assert caplog.text.count("secret") == 0

"""The wire over raw TCP: a real uvicorn server, a tiny application that uses the extension, clients made of bytes.

Everything here is about the server alone; the chat protocol on top of it has its own tests.
"""

from __future__ import annotations

import json
import logging
import struct
import time
from collections.abc import Iterator
from typing import Final

import pytest

from api.server.tcp import LINGER_S
from tests.server.echo import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    SECONDS,
    TEXT,
    Client,
    EchoServer,
    EchoSink,
)

LARGEST: Final = 65_536


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def echo(request: pytest.FixtureRequest) -> Iterator[EchoServer]:
    """Serve the tiny application on this loop, for all tests of the module."""
    with EchoServer(request.param) as server:
        yield server


@pytest.fixture
def name() -> str:
    """Give this test's connection a name of its own."""
    return f"connection-{time.monotonic_ns()}"


@pytest.mark.parametrize("size", [0, 1, 125, 126, LARGEST - 1, LARGEST])
def test_a_message_of_any_length_comes_back_as_one_frame(echo: EchoServer, name: str, size: int) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        client.send(client.frame(TEXT, b"x" * size))
        assert client.read() == (TEXT, b"x" * size)


def test_many_messages_come_back_in_order(echo: EchoServer, name: str) -> None:
    messages = [b"%d" % number for number in range(2_000)]
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        client.send(*(client.frame(TEXT, message) for message in messages))
        assert [client.read()[1] for _ in messages] == messages


def test_frames_in_one_piece_with_the_handshake_are_not_lost(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}", behind=client.frame(TEXT, b"eager") + client.frame(PING, b"p"))
        assert client.read() == (PONG, b"p")
        assert client.read() == (TEXT, b"eager")


def test_messages_before_the_start_are_handed_over_in_order(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/late?{name}")
        sink = echo.sink(name)
        for number in range(5):
            client.send(client.frame(TEXT, b"%d" % number))
        client.send(client.frame(BINARY, b"\x00"))
        assert sink.received == []
        echo.call(echo.go_live.set)
        assert [client.read()[1] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
        sink.wait_for(lambda: len(sink.received) == 6)
        assert sink.received[-1] == (b"\x00", False)


def test_a_fragmented_text_is_one_message_with_pings_answered_between(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        client.send(client.frame(TEXT, b"Gr\xc3", fin=False))
        client.send(client.frame(PING, b"between"))
        assert client.read() == (PONG, b"between")
        client.send(client.frame(CONTINUATION, b"\xbc\xc3\x9f", fin=False), client.frame(CONTINUATION, b"e"))
        assert client.read() == (TEXT, "Grüße".encode())
        assert echo.sink(name).received == [("Grüße".encode(), True)]


def test_a_binary_message_says_that_it_is_no_text(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        client.send(client.frame(BINARY, b"\xff\x00"))
        sink = echo.sink(name)
        sink.wait_for(lambda: bool(sink.received))
        assert sink.received == [(b"\xff\x00", False)]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (Client.frame(TEXT, b"x" * (LARGEST + 1)), 1009),
        (Client.frame(TEXT, b"x" * 2_000_000), 1009),
        (Client.frame(TEXT, b"x" * LARGEST, fin=False) + Client.frame(CONTINUATION, b"y"), 1009),
        (Client.frame(TEXT, b"\xff\xfe"), 1007),
        (Client.frame(CONTINUATION, b"of nothing"), 1002),
        (b"\x81\x02no", 1002),
    ],
    ids=["too large", "far too large", "too large in fragments", "no UTF-8", "no beginning", "no mask"],
)
def test_a_broken_client_reads_why_and_leaves_no_line_in_the_log(
    echo: EchoServer, name: str, broken: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        client.send(broken)
        assert client.read_close()[0] == code
        assert client.is_at_end()
    sink = echo.sink(name)
    sink.wait_for(lambda: bool(sink.losses))
    assert [loss[0] for loss in sink.losses] == [code]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_clients_goodbye_is_answered_and_reported_once(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        client.send(client.frame(CLOSE, struct.pack("!H", 1000) + b"bye"))
        assert client.read_close() == (1000, "bye")
        assert client.is_at_end()
    sink = echo.sink(name)
    sink.wait_for(lambda: bool(sink.losses))
    assert sink.losses == [(1000, "bye", "client")]


def test_a_goodbye_before_the_start_is_read_and_the_line_ends(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/broken?{name}")
        assert client.read_close() == (4000, "internal_error")
        client.send(client.frame(CLOSE, struct.pack("!H", 4000)))
        assert client.is_at_end()


def test_a_cut_line_is_1006(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        sink = echo.sink(name)
    sink.wait_for(lambda: bool(sink.losses))
    assert sink.losses == [(1006, "", "nobody")]


def test_our_goodbye_waits_for_the_answer(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        sink = echo.sink(name)
        echo.call(lambda: sink.wire.close(4001, "draining", SECONDS))
        assert client.read_close() == (4001, "draining")
        assert sink.losses == []
        client.send(client.frame(CLOSE, struct.pack("!H", 4001)))
        assert client.is_at_end()
        sink.wait_for(lambda: bool(sink.losses))
        assert sink.losses == [(4001, "draining", "server")]


def test_a_silent_peer_is_cut_off_after_the_grace(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        sink = echo.sink(name)
        echo.call(lambda: sink.wire.close(4002, "heartbeat_timeout", 0.1))
        sink.wait_for(lambda: bool(sink.losses))
        assert sink.losses == [(4002, "heartbeat_timeout", "server")]
        assert client.read_close() == (4002, "heartbeat_timeout")
        assert client.is_at_end()


def test_a_ping_is_answered_by_pong_received(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        sink = echo.sink(name)
        echo.call(sink.wire.ping)
        opcode, payload = client.read()
        assert (opcode, len(payload)) == (PING, 4)
        client.send(client.frame(PONG, b"none"), client.frame(PONG, payload))
        sink.wait_for(lambda: sink.pongs == 1)


def _fill(echo: EchoServer, sink: EchoSink) -> int:
    """Write until the transport wants no more; gives how many frames of 16 KiB it took."""
    frames = 0
    while echo.call(lambda: sink.wire.is_writable):
        echo.call(lambda: sink.wire.write([b"x" * 16_384]))
        frames += 1
        assert frames < 2_000, "nothing bounds what a stalled reader costs"
    return frames


def test_a_reader_that_stalls_fills_a_bounded_buffer_and_is_cut_off_within_the_grace(
    echo: EchoServer, name: str
) -> None:
    with Client(echo, receive_buffer=16_384) as client:
        client.upgrade(f"/echo?{name}")
        sink = echo.sink(name)
        assert _fill(echo, sink) * 16_384 < 4 * 1024 * 1024
        begin = time.monotonic()
        echo.call(lambda: sink.wire.close(4003, "slow_consumer", 0.2))
        sink.wait_for(lambda: bool(sink.losses))
        assert time.monotonic() - begin < 2
        assert sink.losses == [(4003, "slow_consumer", "server")]
        assert not client.reads_a_close_frame(), "it could not be sent any more"


def test_a_reader_that_stalls_and_says_goodbye_is_cut_off_as_well(echo: EchoServer, name: str) -> None:
    with Client(echo, receive_buffer=16_384) as client:
        client.upgrade(f"/echo?{name}")
        sink = echo.sink(name)
        _fill(echo, sink)
        before = echo.call(lambda: len(echo.server.server_state.connections))
        client.send(client.frame(CLOSE, struct.pack("!H", 1000)))
        sink.wait_for(lambda: bool(sink.losses))
        assert sink.losses == [(1000, "", "client")]
        deadline = time.monotonic() + LINGER_S + 3
        while echo.call(lambda: len(echo.server.server_state.connections)) >= before:
            assert time.monotonic() < deadline, "the socket outlives the goodbye"
            time.sleep(0.02)


def test_a_reader_that_wakes_up_hears_everything_and_the_sink_of_it(echo: EchoServer, name: str) -> None:
    with Client(echo, receive_buffer=16_384) as client:
        client.upgrade(f"/echo?{name}")
        sink = echo.sink(name)
        frames = _fill(echo, sink)
        assert sink.writable_calls == 0
        assert [len(client.read()[1]) for _ in range(frames)] == [16_384] * frames
        sink.wait_for(lambda: sink.writable_calls == 1)
        assert echo.call(lambda: sink.wire.is_writable)


def test_a_paused_connection_holds_its_sender_back(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        client.upgrade(f"/echo?{name}")
        sink = echo.sink(name)
        echo.call(sink.wire.pause_reading)
        message = client.frame(BINARY, b"x" * LARGEST)
        sent = client.send_until_full(message)
        assert sink.received == []
        echo.call(sink.wire.resume_reading)
        sink.wait_for(lambda: len(sink.received) == sent // len(message))
        assert all(data == b"x" * LARGEST for data, _ in sink.received)


def test_a_refused_handshake_is_an_http_answer_and_no_line_in_the_log(
    echo: EchoServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(echo) as client:
        client.socket.sendall(client.request("/refuse"))
        head = client.head()
        assert head[0] == "HTTP/1.1 401 Unauthorized"
        assert "content-type: application/problem+json" in [line.lower() for line in head]
        assert json.loads(client.reader.read()) == {"code": "missing_token"}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_is_no_handshake_gets_a_problem_document(echo: EchoServer) -> None:
    with Client(echo) as client:
        client.socket.sendall(client.request("/echo").replace(b"Version: 13", b"Version: 7"))
        assert client.head()[0] == "HTTP/1.1 426 Upgrade Required"
        assert json.loads(client.reader.read())["code"] == "bad_request"


def test_an_upgrade_behind_an_unanswered_request_is_cut(echo: EchoServer, name: str) -> None:
    with Client(echo) as client:
        post = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        client.socket.sendall(post + client.request(f"/echo?{name}"))
        assert client.is_at_end()


def test_plain_asgi_works_beside_the_wire(echo: EchoServer) -> None:
    with Client(echo) as client:
        client.upgrade("/plain")
        client.send(client.frame(TEXT, b"plain"))
        assert client.read() == (TEXT, b"plain")
        client.send(client.frame(CLOSE, struct.pack("!H", 1000)))
        assert client.read_close() == (1000, "")


def test_the_end_of_the_server_ends_every_socket(name: str) -> None:
    with EchoServer("uvloop") as server, Client(server) as polite, Client(server) as silent:
        polite.upgrade(f"/echo?{name}-polite")
        silent.upgrade(f"/echo?{name}-silent")
        sinks = [server.sink(f"{name}-polite"), server.sink(f"{name}-silent")]
        server.stop()
        assert polite.read_close() == (1012, "")
        polite.send(polite.frame(CLOSE, struct.pack("!H", 1012)))
        assert polite.is_at_end()
        assert silent.read_close() == (1012, "")
        assert silent.is_at_end()
        server.join()
        assert [sink.losses for sink in sinks] == [[(1012, "", "server")], [(1012, "", "server")]]

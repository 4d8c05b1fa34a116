"""Handshakes that come to nothing: a problem document for the client, and no line in the log that anybody can cause."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.server.tcp import LINGER_S
from tests.unit.server.fake_wire import HANDSHAKE, PING, FakeConnection, accept_and_park, client_frame


async def test_shutdown_of_the_server_refuses_a_handshake_with_503(caplog: pytest.LogCaptureFixture) -> None:
    connection = FakeConnection(accept_and_park)
    connection.receive(HANDSHAKE)
    connection.protocol.shutdown()
    head, _, body = connection.transport.take().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["code"] == "draining"
    connection.lose()
    await connection.settle()
    assert caplog.records == []


async def test_a_refused_handshake_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        await receive()
        await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"token")]})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    connection = FakeConnection(refuse)
    connection.receive(HANDSHAKE)
    await connection.settle()
    assert connection.transport.take().startswith(b"HTTP/1.1 401 Unauthorized\r\nx-why: token\r\n")
    assert connection.transport.was_closed
    connection.lose()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"Version: 13", b"Version: 8"), 426),
        ((b"Sec-WebSocket-Version: ", b"X-Nothing: "), 426),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
        ((b"Sec-WebSocket-Key: ", b"X-Nothing: "), 400),
        ((b"Upgrade: websocket", b"Upgrade: h2c"), 426),
        ((b"GET", b"POST"), 400),
    ],
)
async def test_what_is_no_handshake_is_refused_with_a_problem_document(
    change: tuple[bytes, bytes], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    connection = FakeConnection(accept_and_park)
    connection.receive(HANDSHAKE.replace(*change).replace(b"\r\n\r\n", b"\r\nX-Request-ID: my-own\r\n\r\n"))
    head, _, body = connection.transport.take().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    document = json.loads(body)
    assert document["status"] == status
    assert document["request_id"] == "my-own"
    fields = head.decode().lower().split("\r\n")
    assert fields.count("upgrade: websocket") == fields.count("sec-websocket-version: 13") == (status == 426)
    assert connection.transport.was_closed
    await connection.settle()
    assert connection.scope == {}, "the application is not asked"
    connection.lose()
    assert caplog.records == []


@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_a_client_that_leaves_before_its_answer_is_no_error_in_the_log(
    is_wrapped: bool,  # noqa: FBT001 - a parameter of the test
    caplog: pytest.LogCaptureFixture,
) -> None:
    left = asyncio.Event()

    async def slow(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        await left.wait()
        try:
            await send({"type": "websocket.accept"})
        except OSError as error:  # as Starlette does
            if is_wrapped:
                raise RuntimeError from error
            raise

    connection = FakeConnection(slow)
    connection.receive(HANDSHAKE)
    await connection.settle()
    connection.lose()
    left.set()
    await connection.settle()
    assert connection.state.tasks == set(), "the application has ended"
    assert caplog.records == []


async def test_an_application_that_fails_after_the_loss_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left = asyncio.Event()

    async def fail(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        await left.wait()
        raise LookupError("in the application")

    connection = FakeConnection(fail)
    connection.receive(HANDSHAKE)
    connection.lose()
    left.set()
    await connection.settle()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_an_application_that_fails_before_the_accept_answers_with_a_problem_document(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        raise LookupError("in the application")

    connection = FakeConnection(fail)
    connection.receive(HANDSHAKE)
    await connection.settle()
    head, _, body = connection.transport.take().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert json.loads(body)["code"] == "internal_error"
    assert b"LookupError" not in body
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    connection.lose()


async def test_what_comes_before_the_answer_waits_for_it() -> None:
    may_accept = asyncio.Event()

    async def slow(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        await receive()
        await may_accept.wait()
        await send({"type": "websocket.accept"})
        scope["extensions"]["chat.wire"].start(connection.sink)
        await asyncio.get_running_loop().create_future()

    connection = FakeConnection(slow)
    connection.receive(HANDSHAKE)
    connection.receive(client_frame(PING, b"early"))
    await connection.settle()
    assert connection.transport.take() == b"", "no pong overtakes the answer"
    assert not connection.transport.is_reading(), "and what comes next stays in the network"
    may_accept.set()
    await connection.settle()
    answer = connection.transport.take()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"\x8a\x05early")
    assert connection.transport.is_reading()


@pytest.mark.parametrize(
    ("header", "status"),
    [(b"Content-Length: 5", 400), (b"X-Long: " + b"x" * 9000, 431)],
)
async def test_what_no_parser_can_read_is_answered_at_once(
    header: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    connection = FakeConnection(accept_and_park)
    with capture_logs() as lines:
        connection.receive(HANDSHAKE.replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n\r\nhello"))
    head, _, body = connection.transport.take().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["status"] == status
    assert [(line["event"], line["status"]) for line in lines] == [("ws.refused", status)]
    assert connection.transport.has_written_eof
    assert not connection.transport.was_closed, "it would lose the answer of a client that still sends"
    connection.receive(b"what comes behind it")
    hanging_up = connection.protocol.close_timer
    assert hanging_up is not None
    assert hanging_up.when() - asyncio.get_running_loop().time() <= LINGER_S
    connection.lose()
    await connection.settle()
    assert hanging_up.cancelled()
    assert connection.transport.take() == b"", "one answer"
    assert connection.scope == {}, "the application is not asked"
    assert caplog.records == []

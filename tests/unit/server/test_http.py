"""HTTP on one connection: what is no request, what is still on its way, what has been asked before."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from api.domain.errors import ChatError, ErrorCode
from api.middleware.errors import problem_response
from api.server.http import LINGER_BYTES, ChatHttpProtocol
from api.server.runner import server_config
from api.server.tcp import LINGER_S
from tests.unit.server.fake_wire import FakeTransport

GET = b"GET /one HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /two HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"


class FakeHttp:
    """One connection between a fake transport and an application that reads the body, then waits for `answer`.

    What its `receive` raises it answers with.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self.answer = asyncio.Event()
        self.answers_in_two = self.refuses_at_once = False
        config = server_config(self, heartbeat_s=25)
        config.load()
        self.state = ServerState()
        self.transport = FakeTransport()
        self.protocol = ChatHttpProtocol(config, self.state, {}, asyncio.get_running_loop())
        self.protocol.connection_made(self.transport)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        self.asked.append(scope["path"])
        if self.refuses_at_once:
            response = problem_response(HTTPConnection(scope), ChatError(ErrorCode.BAD_REQUEST, "Not wanted."))
            response.headers["Connection"] = "close"
            await response(scope, receive, send)
            return
        body = b""
        if self.answers_in_two:
            await self._begin(send)
        more = True
        while more:
            try:
                message = await receive()
            except ChatError as error:
                await problem_response(HTTPConnection(scope), error)(scope, receive, send)
                return
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        await self.answer.wait()
        if not self.answers_in_two:
            await self._begin(send)
        await send({"type": "http.response.body", "body": b"fine"})

    async def _begin(self, send: Any) -> None:  # noqa: ANN401
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})

    async def receive(self, *data: bytes) -> None:
        """Let these bytes arrive, one read each, and run what that makes ready."""
        for part in data:
            self.protocol.data_received(part)
            await self.settle()

    async def settle(self) -> None:
        """Let everything run that is ready to run, and the transport be gone once it is closed."""
        for _ in range(5):
            await asyncio.sleep(0)
        if self.transport.is_closing() and self.protocol in self.state.connections:
            self.protocol.connection_lost(None)
            for _ in range(5):
                await asyncio.sleep(0)

    def refusal(self, status: int) -> dict[str, Any]:
        """Take what was written since the last time, which is one problem document and the end of this side."""
        head, _, body = self.transport.take().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status), head
        assert b"\r\nconnection: close\r\n" in head.lower() + b"\r\n"
        assert self.transport.was_closed or self.transport.has_written_eof
        document = json.loads(body)
        assert isinstance(document, dict)
        assert document["status"] == status
        return document


@pytest.fixture
async def http() -> FakeHttp:
    return FakeHttp()


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00", b"HELO example.org\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\nx\r\n\r\n"]
)
async def test_bytes_that_are_no_http_are_answered_once_logged_once_and_end_the_connection(
    http: FakeHttp, data: bytes
) -> None:
    http.protocol.client = ("192.0.2.7", 5)
    with capture_logs() as lines:
        await http.receive(data, b"more of it")
    document = http.refusal(400)
    assert document["code"] == "bad_request"
    (line,) = lines
    assert (line["event"], line["client"], line["status"]) == ("http.refused", "192.0.2.7", 400)
    assert http.asked == []


@pytest.mark.parametrize("what", ["no request", "a body that is not wanted"])
async def test_who_sends_on_behind_the_last_answer_is_read_for_a_moment_and_within_a_bound(
    http: FakeHttp, what: str
) -> None:
    """Closed while it sends, it would never see the answer; read for ever, it would never look at it."""
    if what == "no request":
        await http.receive(b"no request\r\n\r\n")
    else:
        http.refuses_at_once = True
        await http.receive(POST.replace(b": 5", b": 5000000"))
    http.refusal(400)
    assert not http.transport.was_closed
    await http.receive(b"x" * LINGER_BYTES)
    assert http.transport.is_reading()
    await http.receive(b"x")
    assert not http.transport.is_reading()
    assert http.transport.take() == b""
    lingering = http.protocol._lingering
    assert lingering is not None
    assert lingering.when() - asyncio.get_running_loop().time() <= LINGER_S
    assert http.protocol.timeout_keep_alive_task is None
    http.protocol.connection_lost(None)
    assert lingering.cancelled()


async def test_at_the_servers_end_nobody_lingers(http: FakeHttp) -> None:
    await http.receive(b"no request\r\n\r\n")
    http.protocol.shutdown()
    assert http.transport.was_closed


@pytest.mark.parametrize("is_split", [False, True])
async def test_a_body_that_breaks_http_is_refused_by_the_application_which_finds_out_as_it_reads(
    http: FakeHttp,
    is_split: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    parts = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"no size\r\n", b"nor this"
    with capture_logs() as lines:
        await http.receive(*(parts if is_split else [b"".join(parts)]))
    assert http.refusal(400)["code"] == "bad_request"
    assert (http.asked, http.bodies) == (["/"], [])
    assert http.state.tasks == set()
    assert lines == [], "the application has a line for its answers"


async def test_an_answer_under_way_is_not_followed_by_the_refusal_of_what_came_behind_its_request(
    http: FakeHttp,
) -> None:
    await http.receive(GET, b"no request at all\r\n\r\n", b"nor this")
    assert http.transport.take() == b""
    http.answer.set()
    await http.settle()
    answer = http.transport.take()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"fine")
    assert http.transport.has_written_eof


async def test_an_answer_that_has_begun_is_cut_where_the_rest_of_its_request_cannot_be_read(http: FakeHttp) -> None:
    http.answers_in_two = True
    await http.receive(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"no size\r\n")
    assert http.transport.take().count(b"HTTP/1.1") == 1
    assert http.transport.was_closed


async def test_the_next_request_after_an_answer_is_refused_like_the_first(http: FakeHttp) -> None:
    http.answer.set()
    await http.receive(GET)
    assert http.transport.take().startswith(b"HTTP/1.1 200 ")
    await http.receive(b"no request\r\n\r\n")
    http.refusal(400)


async def test_an_upgrade_to_a_protocol_that_is_not_spoken_is_ignored_without_a_word_in_the_log(
    http: FakeHttp, caplog: pytest.LogCaptureFixture
) -> None:
    http.answer.set()
    await http.receive(GET.replace(b"\r\n\r\n", b"\r\n" + H2C + b"\r\n"), GET)
    answer = http.transport.take()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1, "what came behind it may be the other protocol"
    assert http.transport.has_written_eof
    assert caplog.records == []


async def test_a_body_behind_such_an_upgrade_cannot_be_read_so_the_request_is_refused(http: FakeHttp) -> None:
    await http.receive(POST.replace(b"\r\n\r\n", b"\r\n" + H2C + b"\r\n") + b"12345")
    http.refusal(400)
    assert http.bodies == []


async def test_at_the_servers_end_an_idle_connection_is_closed(http: FakeHttp) -> None:
    http.protocol.shutdown()
    assert http.transport.take() == b""
    assert http.transport.was_closed


async def test_at_the_servers_end_a_request_that_is_here_is_answered(http: FakeHttp) -> None:
    await http.receive(POST + b"12345")
    http.protocol.shutdown()
    assert not http.transport.was_closed
    http.answer.set()
    await http.settle()
    assert http.transport.take().startswith(b"HTTP/1.1 200 ")
    assert http.transport.was_closed


async def test_at_the_servers_end_a_request_that_is_still_on_its_way_is_refused(http: FakeHttp) -> None:
    await http.receive(POST + b"12")
    http.protocol.shutdown()
    await http.settle()
    document = http.refusal(503)
    assert http.transport.was_closed, "nobody lingers now"
    assert (document["code"], document["retry_after_ms"] > 0) == ("draining", True)
    assert http.bodies == []
    assert http.state.tasks == set(), "nothing is left to wait for"


async def test_at_the_servers_end_a_half_request_behind_an_answer_under_way_is_dropped(http: FakeHttp) -> None:
    await http.receive(GET + POST + b"12")
    http.protocol.shutdown()
    http.answer.set()
    await http.settle()
    answer = http.transport.take()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert http.transport.was_closed
    assert http.asked == ["/one"]
    assert http.state.tasks == set()


@pytest.mark.parametrize("way", ["it hangs up", "it ends its side"])
async def test_a_client_that_leaves_is_sent_nothing_and_what_it_asked_behind_is_not_begun(
    http: FakeHttp, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Between the end of its side and the loss of the connection an answer would be an error of the transport."""
    await http.receive(GET + GET)
    if way == "it hangs up":
        http.transport.close()
        http.protocol.connection_lost(None)
    else:
        http.protocol.eof_received()
        http.transport.close()
    http.answer.set()
    await http.settle()
    assert http.transport.take() == b""
    assert http.asked == ["/one"]
    assert http.state.tasks == set()
    assert [record.getMessage() for record in caplog.records] == []

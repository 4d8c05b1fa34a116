"""What nobody foresaw: one line for the operators, and an answer that says nothing of it."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Annotated, Final

import pytest
from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from api.broadcast.stats import NodeStats
from api.domain.errors import ErrorCode, not_found
from api.middleware.context import ContextMiddleware
from api.middleware.errors import UnforeseenErrorMiddleware, add_error_handlers, command_error
from api.middleware.rate_limit import HttpLimits
from tests.support.problems import check_problem
from tests.unit.middleware.asgi import Answering, ask, http_scope

SECRET: Final = "a secret of the database"


class Numbers(BaseModel):
    """A query."""

    a: int = 0
    b: int = 0


def make_client(rule: str = "1000/minute") -> TestClient:
    app = FastAPI()

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError(SECRET)

    @app.get("/half")
    async def half() -> StreamingResponse:
        def pieces() -> Iterator[bytes]:
            yield b"the first half"
            raise RuntimeError(SECRET)

        return StreamingResponse(pieces())

    @app.get("/missing")
    async def missing() -> None:
        raise not_found("room")

    @app.get("/numbers")
    async def numbers(query: Annotated[Numbers, Query()]) -> None:
        pass

    @app.get("/status/{status}")
    async def refuse(status: int) -> None:
        raise HTTPException(status, "Not so.", {"X-Why": "not so"})

    app.state.http_limits = HttpLimits(rule, is_enabled=True, stats=NodeStats())
    add_error_handlers(app)
    app.add_middleware(UnforeseenErrorMiddleware)
    app.add_middleware(ContextMiddleware, new_id=lambda: "r1")
    return TestClient(app)


@pytest.fixture
def client() -> Iterator[TestClient]:
    with make_client() as opened:
        yield opened


def test_what_nobody_foresaw_is_a_500_that_tells_the_client_only_how_to_ask(client: TestClient) -> None:
    with capture_logs() as lines:
        answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert (document["code"], document["status"], document["retryable"]) == ("internal_error", 500, True)
    assert document["request_id"] == answer.headers["X-Request-ID"] == "r1"
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text
    (line,) = [line for line in lines if line["event"] == "http.error"]
    assert (line["method"], line["path"], line["log_level"]) == ("GET", "/broken", "error")
    assert isinstance(line["exc_info"], RuntimeError)
    assert [line["status"] for line in lines if line["event"] == "http.request"] == [500]


def test_an_answer_that_has_begun_is_not_begun_again(client: TestClient) -> None:
    with capture_logs() as lines:
        answer = client.get("/half")
    assert (answer.status_code, answer.content) == (200, b"the first half")
    assert [line["path"] for line in lines if line["event"] == "http.error"] == ["/half"]


def test_what_was_refused_is_no_error_of_the_server(client: TestClient) -> None:
    with capture_logs() as lines:
        assert client.get("/missing").json()["code"] == "not_found"
    assert not [line for line in lines if line["event"] == "http.error"]


async def refused(error: BaseException | None = None) -> tuple[list[Message], list[BaseException]]:
    """Cancel a request while it waits, or let its own work raise; give what was answered and what came out."""
    reached = asyncio.Event()
    answered: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.set()
        if error is not None:
            raise error
        await asyncio.Event().wait()

    async def send(message: Message) -> None:
        answered.append(message)

    async def receive() -> Message:
        raise AssertionError

    async def run() -> None:
        await UnforeseenErrorMiddleware(app)(http_scope("/v1/rooms"), receive, send)

    serving = asyncio.create_task(run())
    await reached.wait()
    if error is None:
        serving.cancel()
    return answered, [one for one in await asyncio.gather(serving, return_exceptions=True) if one is not None]


async def test_a_request_that_the_server_gives_up_is_answered_draining_and_stays_cancelled() -> None:
    with capture_logs() as lines:
        (start, body), raised = await refused()
    assert (start["status"], json.loads(body["body"])["code"]) == (503, "draining")
    assert [type(one) for one in raised] == [asyncio.CancelledError]
    assert not lines


async def test_work_that_was_cancelled_under_a_requests_hands_is_a_fault_like_any_other() -> None:
    """Somebody awaited a future that was cancelled: nobody has cancelled the request."""
    with capture_logs() as lines:
        (start, body), raised = await refused(asyncio.CancelledError())
    assert (start["status"], json.loads(body["body"])["code"]) == (500, "internal_error")
    assert raised == []
    assert [line["event"] for line in lines] == ["http.error"]


def test_fields_that_are_not_valid_are_named_and_not_repeated(client: TestClient) -> None:
    document = check_problem(client.get("/numbers?a=canary&b=1.5"), 422, "validation_error")
    assert [(error["loc"], error["type"]) for error in document["errors"]] == [
        (["query", "a"], "int_parsing"),
        (["query", "b"], "int_parsing"),
    ]
    assert "canary" not in str(document)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "bad_request"), (404, "not_found"), (405, "method_not_allowed"), (413, "too_large")],
)
def test_what_the_framework_refuses_is_a_problem_with_its_headers(client: TestClient, status: int, code: str) -> None:
    answer = client.get(f"/status/{status}")
    assert check_problem(answer, status, code)["detail"] == "Not so."
    assert answer.headers["X-Why"] == "not so"


def test_a_status_that_has_no_code_is_a_bad_request_of_that_status(client: TestClient) -> None:
    answer = client.get("/status/418")
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (418, "bad_request", 418)


def test_a_path_that_is_none_and_a_method_that_is_none(client: TestClient) -> None:
    check_problem(client.get("/nowhere"), 404, "not_found")
    answer = client.delete("/numbers")
    check_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    options = client.options("/numbers")
    assert (options.status_code, options.headers["Allow"]) == (204, answer.headers["Allow"])


def test_what_cannot_be_understood_counts_though_no_route_does() -> None:
    with make_client("2/minute") as client:
        for path in ("/numbers?a=x", "/numbers?b=x"):
            check_problem(client.get(path), 422, "validation_error")
        check_problem(client.get("/numbers?a=x"), 429, "rate_limited")


@pytest.mark.parametrize("later", [None, RuntimeError(SECRET)], ids=["the loss alone", "a fault because of it"])
async def test_a_client_that_has_left_before_its_answer_is_no_fault(later: Exception | None) -> None:
    """Anybody can do that, as often as he likes."""

    async def send(_message: Message) -> None:
        raise ConnectionResetError

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "websocket.accept"})
        except OSError:
            if later is None:
                raise
            raise later  # noqa: B904 - as careless as a library

    with capture_logs() as lines:
        await UnforeseenErrorMiddleware(answer)({"type": "websocket", "path": "/v1/ws"}, _nothing, send)
    assert lines == []


async def test_a_fault_behind_the_loss_of_a_client_is_one_all_the_same() -> None:
    async def send(_message: Message) -> None:
        raise ConnectionResetError

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        with contextlib.suppress(OSError):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(SECRET)

    with capture_logs() as lines:
        await UnforeseenErrorMiddleware(answer)(http_scope("/v1/rooms"), _nothing, send)
    assert [line["event"] for line in lines] == ["http.error"]


async def _nothing() -> Message:
    raise AssertionError("nobody asks")


async def test_a_fault_of_the_lifespan_is_the_servers_to_tell() -> None:
    broken = UnforeseenErrorMiddleware(Answering(error=RuntimeError(SECRET)))
    with pytest.raises(RuntimeError, match=SECRET):
        await ask(broken, {"type": "lifespan"})


def test_a_command_that_failed_is_one_line_and_an_internal_error() -> None:
    failure = RuntimeError(SECRET)
    with capture_logs() as lines:
        error = command_error(failure, connection_id="c1", user_id="u1", command_type="ping")
    assert error.code is ErrorCode.INTERNAL_ERROR
    assert SECRET not in f"{error.detail} {error.errors}"
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("command.failed", "error")
    assert (line["connection_id"], line["user_id"], line["type"]) == ("c1", "u1", "ping")
    assert line["exc_info"] is failure


def test_a_command_that_was_refused_is_answered_as_it_was_and_not_logged() -> None:
    refusal = not_found("room")
    with capture_logs() as lines:
        assert command_error(refusal, connection_id="c1", user_id="u1", command_type="ping") is refusal
    assert not lines

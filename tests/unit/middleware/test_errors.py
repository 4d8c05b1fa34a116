"""What nobody foresaw: one line for the operators, and an answer that says nothing of it."""

from collections.abc import Iterator
from typing import Final

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from api.domain.errors import ErrorCode, not_found
from api.middleware.context import ContextMiddleware
from api.middleware.errors import UnforeseenErrorMiddleware, add_error_handlers, command_error

SECRET: Final = "a secret of the database"


@pytest.fixture
def client() -> Iterator[TestClient]:
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

    add_error_handlers(app)
    app.add_middleware(UnforeseenErrorMiddleware)
    app.add_middleware(ContextMiddleware, new_id=lambda: "r1")
    with TestClient(app) as opened:
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

"""The HTTP door of the limits: slowapi's decorator, on routes as the app has them."""

import time
from collections.abc import Iterator

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from slowapi.errors import RateLimitExceeded
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from api.broadcast.stats import NodeStats
from api.middleware.rate_limit import HttpLimits
from api.protocol.problems import problem, problem_headers


async def first(request: Request) -> dict[str, str]:
    return {}


async def second(request: Request) -> dict[str, str]:
    return {}


def make_client(rule: str = "3/minute", *, is_enabled: bool = True) -> TestClient:
    """Put two counted routes into an app, as included routers; `X-User` stands for a token."""
    app, limits = FastAPI(), HttpLimits(rule, is_enabled=is_enabled, stats=NodeStats())
    router = APIRouter(prefix="/v1")
    router.get("/first")(limits.limit(first))
    router.get("/second/{number}")(limits.limit(second))

    async def too_many(request: Request, error: Exception) -> Response:
        assert isinstance(error, RateLimitExceeded)
        refused = limits.refusal(request, error)
        return JSONResponse(problem(refused, "r1"), 429, problem_headers(refused))

    async def log_in(request: Request) -> None:
        if "X-User" in request.headers:
            request.state.user_id = request.headers["X-User"]

    app.include_router(router, dependencies=[Depends(log_in)])
    app.add_exception_handler(RateLimitExceeded, too_many)
    return TestClient(app, client=("192.0.2.1", 5000))


@pytest.fixture
def client() -> Iterator[TestClient]:
    with make_client() as opened:
        yield opened


def test_all_routes_share_one_budget(client: TestClient) -> None:
    paths = ["/v1/first", "/v1/second/1", "/v1/second/2", "/v1/first", "/v1/second/3"]
    assert [client.get(path).status_code for path in paths] == [200, 200, 200, 429, 429]


def test_a_user_is_counted_wherever_he_comes_from_and_apart_from_his_address(client: TestClient) -> None:
    for _ in range(3):
        assert client.get("/v1/first").status_code == 200
    assert client.get("/v1/first").status_code == 429
    for user in ("ada", "bob"):
        answers = [client.get("/v1/first", headers={"X-User": user}).status_code for _ in range(4)]
        assert answers == [200, 200, 200, 429]


def test_the_refusal_says_when_and_how_much_and_is_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        client.get("/v1/first", headers={"X-User": "ada"})
    with capture_logs() as lines:
        answer = client.get("/v1/first", headers={"X-User": "ada"})
    document = answer.json()
    assert (document["code"], document["status"], document["retryable"]) == ("rate_limited", 429, True)
    assert 0 < document["retry_after_ms"] <= 60_000
    assert int(answer.headers["Retry-After"]) * 1000 >= document["retry_after_ms"]
    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("3", "0")
    assert time.time() - 1 <= int(answer.headers["X-RateLimit-Reset"]) <= time.time() + 62
    (line,) = lines
    assert (line["event"], line["limit"]) == ("rate_limit.exceeded", "rest")
    assert (line["user_id"], line["client"]) == ("ada", "192.0.2.1")
    assert [record for record in caplog.records if record.name == "slowapi"] == [], "one line, not the library's too"


def test_answers_within_the_limit_say_nothing_of_it(client: TestClient) -> None:
    assert not [name for name in client.get("/v1/first").headers if name.startswith(("x-ratelimit", "retry"))]


def test_two_apps_count_apart() -> None:
    with make_client("1/minute") as one, make_client("1/minute") as other:
        assert [one.get("/v1/first").status_code for _ in range(2)] == [200, 429]
        assert other.get("/v1/first").status_code == 200


def test_it_can_be_switched_off() -> None:
    with make_client("1/minute", is_enabled=False) as client:
        assert [client.get("/v1/first").status_code for _ in range(5)] == [200] * 5


def test_the_librarys_own_variables_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATELIMIT_ENABLED", "false")
    monkeypatch.setenv("RATELIMIT_HEADERS_ENABLED", "false")  # which counts as true, and breaks every route
    monkeypatch.setenv("RATELIMIT_STORAGE_URL", "redis://nowhere:1")
    with make_client("1/minute") as client:
        assert [client.get("/v1/first").status_code for _ in range(2)] == [200, 429]

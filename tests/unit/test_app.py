"""The application put together: which routes there are, and what holds for every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from starlette.types import Message

from api.app import BODY_BYTES_MAX, create_app
from config.settings import Settings
from tests.support.inside import PASSWORD, Inside, open_inside
from tests.support.problems import check_problem

ORIGIN = "https://app.example.com"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Inside]:
    folder = tmp_path_factory.mktemp("inside")
    async with open_inside(folder, allowed_origins=(ORIGIN,), allowed_hosts=("testserver",)) as opened:
        yield opened


async def test_making_an_application_opens_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    create_app(Settings.load(None, data_dir=folder))
    assert not folder.exists()


async def test_these_are_the_routes(inside: Inside) -> None:
    document = (await (await inside.client()).get("/openapi.json")).json()
    routes = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert {route for route in routes if " /v1/" not in route} >= {"GET /healthz", "GET /readyz"}
    assert {route for route in routes if " /v1/" in route} == {
        "POST /v1/auth/signup",
        "POST /v1/auth/login",
        "POST /v1/auth/refresh",
        "POST /v1/auth/logout",
        "POST /v1/auth/password",
        "GET /v1/auth/sessions",
        "DELETE /v1/auth/sessions/{session_id}",
        "POST /v1/auth/ws-ticket",
        "GET /v1/users/me",
        "PATCH /v1/users/me",
        "DELETE /v1/users/me",
        "GET /v1/users/{user_id}",
        "GET /v1/users",
        "GET /v1/rooms",
        "POST /v1/rooms",
        "GET /v1/rooms/{room_id}",
        "PATCH /v1/rooms/{room_id}",
        "DELETE /v1/rooms/{room_id}",
        "GET /v1/rooms/{room_id}/members",
        "PUT /v1/rooms/{room_id}/members/{user_id}",
        "DELETE /v1/rooms/{room_id}/members/{user_id}",
        "GET /v1/rooms/{room_id}/bans",
        "PUT /v1/rooms/{room_id}/bans/{user_id}",
        "DELETE /v1/rooms/{room_id}/bans/{user_id}",
        "POST /v1/rooms/{room_id}/messages",
        "GET /v1/rooms/{room_id}/messages",
        "GET /v1/rooms/{room_id}/events",
        "PUT /v1/rooms/{room_id}/read",
        "GET /v1/ws",
        "PATCH /v1/messages/{message_id}",
        "DELETE /v1/messages/{message_id}",
    }


async def test_the_document_is_made_once_and_knows_what_every_refusal_looks_like(tmp_path: Path) -> None:
    app = create_app(Settings.load(None, data_dir=tmp_path))
    document = app.openapi()
    assert "Problem" in document["components"]["schemas"]
    assert app.openapi() is document


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/rooms/", 404, "not_found"),
        ("PUT", "/v1/rooms", 405, "method_not_allowed"),
        ("GET", "/v1/rooms", 401, "missing_token"),
    ],
)
async def test_every_refusal_is_a_problem_with_an_id_and_the_headers_of_security(
    inside: Inside, method: str, path: str, status: int, code: str
) -> None:
    answer = await (await inside.client()).request(method, path, headers={"X-Request-ID": "my-own"})
    assert check_problem(answer, status, code)["request_id"] == "my-own"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_body_has_64_kib_at_most(inside: Inside) -> None:
    http = await inside.client()
    json = {"Content-Type": "application/json"}
    largest = b'{"username": "' + b"a" * (BODY_BYTES_MAX - 16) + b'"}'
    check_problem(await http.post("/v1/auth/signup", content=largest, headers=json), 422, "validation_error")
    check_problem(await http.post("/v1/auth/signup", content=largest + b" ", headers=json), 413, "too_large")


async def test_a_page_of_a_listed_site_may_use_the_api_and_read_why_it_is_refused(inside: Inside) -> None:
    http = await inside.client()
    preflight = await http.options(
        "/v1/rooms",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, x-request-id",
        },
    )
    assert preflight.status_code == 200
    refused = await http.get("/v1/rooms", headers={"Origin": ORIGIN, "Host": "testserver"})
    check_problem(refused, 401, "missing_token")
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in refused.headers
    exposed = {name.strip() for name in refused.headers["Access-Control-Expose-Headers"].split(",")}
    limits = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    assert exposed == {"X-Request-ID", "Retry-After"} | limits


async def test_another_name_of_this_server_is_refused_before_anything_else(inside: Inside) -> None:
    answer = await (await inside.client()).get("/v1/rooms", headers={"Host": "evil.example"})
    check_problem(answer, 400, "bad_request")


async def test_one_request_too_many_is_a_problem_with_the_limit_in_its_headers(tmp_path: Path) -> None:
    async with open_inside(tmp_path, rate_limits_enabled=True, rate_limit_rest="1/hour") as inside:
        ada = await inside.person()
        assert (await ada.http.get("/v1/users/me")).status_code == 200
        answer = await ada.http.get("/v1/users/me")
        check_problem(answer, 429, "rate_limited")
        assert answer.headers["X-RateLimit-Limit"] == "1"
        health = [(await ada.http.get("/healthz")).status_code for _ in range(3)]
        assert health == [200] * 3, "load balancers are not counted"


async def upgrade(
    inside: Inside, path: str, token: str | None = None, while_open: Callable[[], Awaitable[object]] | None = None
) -> list[Message]:
    """Ask for a socket, and hang up once it is open; give what was answered."""
    answered: list[Message] = []
    to_come: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}]
    scope: dict[str, Any] = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "ws",
        "http_version": "1.1",
        "client": ("192.0.2.1", 1),
        "server": ("testserver", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "headers": [(b"host", b"testserver")],
    }
    if token is not None:
        scope["headers"].append((b"authorization", f"Bearer {token}".encode()))

    async def receive() -> Message:
        message = to_come.pop(0)
        if message["type"] == "websocket.disconnect" and while_open is not None:
            await while_open()
        return message

    async def send(message: Message) -> None:
        answered.append(message)

    await inside.app(scope, receive, send)
    return answered


async def test_a_socket_is_at_one_path_alone(inside: Inside) -> None:
    ada = await inside.person()
    assert (await upgrade(inside, "/v1/ws", ada.token))[0]["type"] == "websocket.accept"
    for path in ("/", "/v1/ws/", "/v1/rooms"):
        refused = (await upgrade(inside, path, ada.token))[0]
        assert (refused["type"], refused["status"]) == ("websocket.http.response.start", 404)
    refused = (await upgrade(inside, "/v1/ws"))[0]
    assert (refused["type"], refused["status"]) == ("websocket.http.response.start", 401)


async def test_who_could_not_connect_now_gets_no_ticket(tmp_path: Path) -> None:
    async with open_inside(tmp_path, max_connections_per_user=1) as inside:
        ada, bob = await inside.person(), await inside.person()

        async def ask() -> None:
            check_problem(await ada.http.post("/v1/auth/ws-ticket"), 429, "connection_limit")
            assert (await bob.http.post("/v1/auth/ws-ticket")).status_code == 201

        assert (await ada.http.post("/v1/auth/ws-ticket")).status_code == 201
        answered = await upgrade(inside, "/v1/ws", ada.token, ask)
        assert answered[0]["type"] == "websocket.accept"
        assert (await ada.http.post("/v1/auth/ws-ticket")).status_code == 201
        await inside.resources.drain(0)
        check_problem(await ada.http.post("/v1/auth/ws-ticket"), 503, "draining")


async def test_accounts_are_made_with_the_password_that_was_chosen(inside: Inside) -> None:
    http = await inside.client()
    form = {"username": "ada-of-the-app", "password": PASSWORD}
    assert (await http.post("/v1/auth/signup", json=form)).status_code == 201
    assert (await http.post("/v1/auth/login", data=form)).status_code == 200

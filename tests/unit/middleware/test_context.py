"""Every request has an id and leaves one line."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from api.domain.errors import ErrorCode
from api.middleware.context import ContextMiddleware, bind_connection, bind_user, shown_path
from tests.unit.middleware.asgi import Answering, ask, headers_of, http_scope


@pytest.fixture(autouse=True)
def _no_context() -> None:
    structlog.contextvars.clear_contextvars()


def middleware(app: Answering) -> ContextMiddleware:
    return ContextMiddleware(app, new_id=lambda: "new-id")


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64])
async def test_a_good_id_of_the_client_is_kept(given: str) -> None:
    app = Answering()
    answered = await ask(middleware(app), http_scope(headers={"X-Request-ID": given}))
    assert headers_of(answered)["x-request-id"] == given
    assert app.scopes[0]["state"]["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\nb", 'a"b', "\u00e4", "a,b", "../../etc"])
async def test_any_other_is_replaced(given: str) -> None:
    answered = await ask(middleware(Answering()), http_scope(headers={"X-Request-ID": given}))
    assert headers_of(answered)["x-request-id"] == "new-id"


async def test_a_request_leaves_one_line() -> None:
    with capture_logs() as logs:
        await ask(middleware(Answering()), http_scope(headers={"User-Agent": "test/1"}, query_string=b"token=secret"))
    (line,) = logs
    assert line.pop("ms") >= 0
    assert line == {
        "event": "http.request",
        "log_level": "info",
        "method": "GET",
        "path": "/v1/rooms",
        "status": 200,
        "client": "192.0.2.1",
        "user_agent": "test/1",
        "bytes_out": 4,
    }


JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/rooms/01a20480-3f75-70be-b39d-34f8c5d9c52e/members", None),
        ("/.well-known/security.txt", None),
        (f"/{'x' * 40}/~me", None),
        (f"/v1/{'x' * 41}/members", "/v1/…/members"),
        (f"/v1/ws/{JWT}", "/v1/ws/…"),
        (f"/{JWT[:36]}/x", "/…/x"),
        ("/v1/ws?ticket=secret", "/v1/…"),  # it was sent as %3F
        ("/a=b/c&d", "/…/…"),
        ('/"}\n{"event": "forged"}', "/…"),
        ("/\x1b[31m/ä/\u202e", "/…/…/…"),
        ("*", "…"),
        ("", None),
    ],
)
async def test_a_path_shows_words_and_ids_and_nothing_that_could_be_a_token(path: str, shown: str | None) -> None:
    with capture_logs() as logs:
        await ask(middleware(Answering()), http_scope(path))
    assert logs[0]["path"] == (path if shown is None else shown)


async def test_a_path_without_end_is_shown_in_part() -> None:
    assert len(shown_path(http_scope("/a" * 32_768))) == 512


async def test_a_client_that_left_before_the_answer_is_told_by_its_status() -> None:
    with capture_logs() as logs, pytest.raises(RuntimeError):
        await ask(middleware(Answering(error=RuntimeError("gone"))), http_scope(client=None))
    assert [(line["status"], line["client"]) for line in logs] == [(499, "")]


@pytest.mark.parametrize(
    ("path", "status", "lines"),
    [("/healthz", 200, 0), ("/readyz", 503, 1), ("/metrics", 200, 0), ("/healthz/x", 200, 1)],
)
async def test_what_machines_ask_all_the_time_is_told_only_when_it_fails(path: str, status: int, lines: int) -> None:
    app = Answering({"type": "http.response.start", "status": status, "headers": []}, {"type": "http.response.body"})
    with capture_logs() as logs:
        await ask(middleware(app), http_scope(path))
    assert len(logs) == lines


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.accept", "headers": []},
        {"type": "websocket.http.response.start", "status": 401, "headers": []},
    ],
)
async def test_a_handshake_has_an_id_too_and_its_line_is_its_own(message: Message) -> None:
    with capture_logs() as logs:
        answered = await ask(middleware(Answering(message)), http_scope() | {"type": "websocket"})
    assert headers_of(answered)["x-request-id"] == "new-id"
    assert logs == []


async def test_a_refused_handshake_leaves_one_line_whoever_refused_it() -> None:
    async def refusing(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["state"]["refusal"] = ErrorCode.NOT_FOUND
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})

    scope = http_scope("/elsewhere", headers={"User-Agent": "test/1", "Origin": "https://a.example"})
    with capture_logs() as logs:
        await ask(ContextMiddleware(refusing, new_id=lambda: "r1"), scope | {"type": "websocket"})
    assert logs == [
        {
            "event": "ws.refused",
            "log_level": "warning",
            "code": "not_found",
            "status": 404,
            "client": "192.0.2.1",
            "user_agent": "test/1",
            "origin": "https://a.example",
        }
    ]


async def test_the_lifespan_passes_by() -> None:
    app = Answering({"type": "lifespan.startup.complete"})
    assert await ask(middleware(app), {"type": "lifespan"}) == [{"type": "lifespan.startup.complete"}]


async def test_lines_of_one_request_carry_its_id_and_user_and_no_others() -> None:
    seen: list[dict[str, object]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        bind_user(scope["path"])
        await asyncio.sleep(0)
        seen.append(dict(get_contextvars()))

    ids = iter(("r1", "r2", "r3"))
    naming = ContextMiddleware(app, new_id=lambda: next(ids))
    await asyncio.gather(*(ask(naming, http_scope(path)) for path in ("/a", "/b")))
    assert seen == [{"request_id": "r1", "user_id": "/a"}, {"request_id": "r2", "user_id": "/b"}]

    async def anonymous(_scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(dict(get_contextvars()))

    bind_user("of the request before, on the same task")
    await ask(ContextMiddleware(anonymous, new_id=lambda: next(ids)), http_scope())
    assert seen[-1] == {"request_id": "r3"}


async def test_a_connection_takes_the_place_of_its_handshake() -> None:
    structlog.contextvars.bind_contextvars(request_id="r1", user_id="ada")
    bind_connection("c1", "ada")
    assert get_contextvars() == {"connection_id": "c1", "user_id": "ada"}

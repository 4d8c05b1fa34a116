"""Answers are given under the own names only."""

from __future__ import annotations

import orjson
import pytest

from api.middleware.hosts import AllowedHostsMiddleware
from tests.unit.middleware.asgi import Answering, ask, http_scope

OWN = ["chat.example.org", "*.example.net", "127.0.0.1", "[::1]"]


async def status(host: str | None, hosts: list[str], path: str = "/v1/rooms") -> int:
    headers = {} if host is None else {"Host": host}
    answered = await ask(AllowedHostsMiddleware(Answering(), hosts), http_scope(path, headers=headers))
    return int(answered[0]["status"])


@pytest.mark.parametrize(
    "host",
    [
        "chat.example.org",
        "CHAT.Example.ORG",
        "chat.example.org:8000",
        "a.example.net",
        "a.b.example.net:1",
        "127.0.0.1:8000",
        "[::1]",
        "[::1]:8000",
    ],
)
async def test_an_own_name_is_let_in(host: str) -> None:
    assert await status(host, OWN) == 200


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.org",
        "chat.example.org.evil.org",
        "xchat.example.org",
        "example.net",
        "xexample.net",
        "chat.example.org@evil.org",
        "evil.org:80@chat.example.org",
        "127.0.0.2",
        "[::2]",
        "::1",
        "chat.example.org.",
    ],
)
async def test_any_other_is_refused(host: str | None) -> None:
    assert await status(host, OWN) == 400


async def test_without_a_list_every_name_is_let_in() -> None:
    assert await status("anything", []) == 200
    assert await status(None, []) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_asked_by_address(path: str) -> None:
    assert await status("10.0.0.7", OWN, path) == 200


async def test_a_refusal_is_a_problem_document_and_reaches_nothing_behind() -> None:
    app = Answering()
    answered = await ask(AllowedHostsMiddleware(app, OWN), http_scope(headers={"Host": "evil.org"}))
    assert orjson.loads(answered[1]["body"])["code"] == "bad_request"
    assert app.scopes == []


async def test_a_handshake_is_refused_over_http_too() -> None:
    scope = http_scope(headers={"Host": "evil.org"}) | {
        "type": "websocket",
        "extensions": {"websocket.http.response": {}},
    }
    answered = await ask(AllowedHostsMiddleware(Answering(), OWN), scope)
    assert (answered[0]["type"], answered[0]["status"]) == ("websocket.http.response.start", 400)


async def test_the_lifespan_passes_by() -> None:
    app = Answering({"type": "lifespan.startup.complete"})
    assert len(await ask(AllowedHostsMiddleware(app, OWN), {"type": "lifespan"})) == 1

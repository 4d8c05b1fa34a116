"""Answers are given under the own names only."""

from __future__ import annotations

import orjson
import pytest

from api.middleware.hosts import AllowedHostsMiddleware
from tests.unit.middleware.asgi import Answering, ask, http_scope

OWN = ["chat.example.org", "*.example.net", "127.0.0.1", "[::1]"]


async def status(host: str | None, hosts: list[str], path: str = "/v1/rooms", http_version: str = "1.1") -> int:
    headers = {} if host is None else {"Host": host}
    scope = http_scope(path, headers=headers, http_version=http_version)
    answered = await ask(AllowedHostsMiddleware(Answering(), hosts), scope)
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


@pytest.mark.parametrize("host", ["anything", "a_b.internal:8000", "[::1]:8000", "10.0.0.7", "x:", "%41.example"])
async def test_without_a_list_every_name_is_let_in(host: str) -> None:
    assert await status(host, []) == 200


@pytest.mark.parametrize("hosts", [[], OWN])
@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        ":8000",
        "chat.example.org/v1/rooms?",
        "chat.example.org?x",
        "chat.example.org#x",
        "chat.example.org\\x",
        "user@chat.example.org",
        "chat.example.org:port",
        "chat.example.org:80:80",
        "chat.example.org, evil.org",
        "chat.example.org evil.org",
        "chat.example.org\t",
        "http://chat.example.org",
        "[::1",
        "::1]",
        "[chat.example.org]",
        "<script>",
        "chät.example.org",
    ],
)
async def test_what_is_no_host_is_refused_with_a_list_and_without(host: str, hosts: list[str]) -> None:
    assert await status(host, hosts) == 400


async def test_only_an_old_client_may_leave_the_host_out() -> None:
    assert await status(None, [], http_version="1.0") == 200
    assert await status(None, OWN, http_version="1.0") == 400
    for version in ("1.1", "2", "0.9"):
        assert await status(None, [], http_version=version) == 400


async def test_two_hosts_are_one_too_many_even_if_they_are_the_same() -> None:
    own = (b"host", b"chat.example.org")
    for second in ((b"host", b"chat.example.org"), (b"host", b"evil.org")):
        for hosts in ([], OWN):
            scope = http_scope() | {"headers": [own, second]}
            answered = await ask(AllowedHostsMiddleware(Answering(), hosts), scope)
            assert answered[0]["status"] == 400


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_machines_ask_by_address(path: str) -> None:
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

"""Security headers on every answer."""

from __future__ import annotations

import pytest

from api.middleware.headers import SecurityHeadersMiddleware
from tests.unit.middleware.asgi import Answering, ask, headers_of, http_scope

GUARDS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@pytest.mark.parametrize("kind", ["http.response.start", "websocket.http.response.start"])
async def test_every_answer_has_them_a_refused_handshake_too(kind: str) -> None:
    app = Answering({"type": kind, "status": 200, "headers": []})
    assert headers_of(await ask(SecurityHeadersMiddleware(app), http_scope())) == GUARDS


async def test_what_an_answer_brings_itself_stays() -> None:
    app = Answering({"type": "http.response.start", "status": 200, "headers": [(b"content-security-policy", b"own")]})
    headers = headers_of(await ask(SecurityHeadersMiddleware(app), http_scope()))
    assert headers == GUARDS | {"content-security-policy": "own"}


async def test_an_upgrade_is_left_as_it_is() -> None:
    app = Answering({"type": "websocket.accept", "headers": []})
    assert headers_of(await ask(SecurityHeadersMiddleware(app), http_scope() | {"type": "websocket"})) == {}

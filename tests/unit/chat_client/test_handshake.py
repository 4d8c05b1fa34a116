"""Where a connection is opened, and what must not leak on the way."""

from __future__ import annotations

import logging

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from chat_client.handshake import Credential, _Connect, _NoHeaders, socket_url


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/v1/ws"),
        ("https://chat.example.org", "wss://chat.example.org/v1/ws"),
        ("https://example.org/chat", "wss://example.org/chat/v1/ws"),
        ("http://[::1]:8000/", "ws://[::1]:8000/v1/ws"),
    ],
)
def test_the_socket_is_beside_the_rest_routes(server: str, url: str) -> None:
    assert socket_url(server) == url


def test_a_redirect_is_not_followed() -> None:
    """It would carry the token to whoever the redirect names."""
    refusal = InvalidStatus(Response(307, "", Headers({"Location": "ws://elsewhere.test/"})))
    assert _Connect("ws://chat.test/v1/ws").process_redirect(refusal) is refusal


def test_headers_are_not_logged_at_any_level() -> None:
    logger = logging.getLogger("test_handshake")
    logger.setLevel(logging.DEBUG)
    adapter = _NoHeaders(logger, {})
    assert not adapter.isEnabledFor(logging.DEBUG)
    assert adapter.isEnabledFor(logging.WARNING)


def test_a_credential_does_not_show_its_secret() -> None:
    assert "s3cret" not in repr(Credential("header", "s3cret"))

"""What every refusal over HTTP must look like (the contract's list of codes)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import httpx2

# code -> the statuses it may have
STATUSES: Final[Mapping[str, frozenset[int]]] = MappingProxyType(
    {
        "bad_request": frozenset({400, 408, 426}),
        "missing_token": frozenset({401}),
        "invalid_token": frozenset({401}),
        "token_expired": frozenset({401}),
        "session_revoked": frozenset({401}),
        "invalid_ticket": frozenset({401}),
        "invalid_credentials": frozenset({401, 403}),
        "refresh_token_reused": frozenset({401}),
        "forbidden": frozenset({403}),
        "banned": frozenset({403}),
        "account_suspended": frozenset({403}),
        "origin_not_allowed": frozenset({403}),
        "not_found": frozenset({404}),
        "method_not_allowed": frozenset({405}),
        "username_taken": frozenset({409}),
        "room_name_taken": frozenset({409}),
        "too_many_rooms": frozenset({409}),
        "last_owner": frozenset({409}),
        "idempotency_conflict": frozenset({409}),
        "resync_required": frozenset({409}),
        "too_large": frozenset({413, 431}),
        "validation_error": frozenset({422}),
        "rate_limited": frozenset({429}),
        "connection_limit": frozenset({429}),
        "internal_error": frozenset({500}),
        "unavailable": frozenset({503}),
        "draining": frozenset({503}),
    }
)
RETRYABLE: Final = frozenset({"rate_limited", "connection_limit", "internal_error", "unavailable", "draining"})
# A 401 with one of these asks for a token.
ASKS_FOR_TOKEN: Final = frozenset(
    {"missing_token", "invalid_token", "token_expired", "session_revoked", "invalid_ticket"}
)
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_REQUIRED: Final = frozenset({"type", "title", "status", "detail", "code", "request_id", "retryable"})
_OPTIONAL: Final = frozenset({"retry_after_ms", "errors"})


def check_problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is the problem document of this code, with the headers that belong to it; gives it."""
    shown = f"{response.status_code} {dict(response.headers)} {response.text[:2000]}"
    assert response.status_code == status, shown
    assert status in STATUSES[code], f"{code} never has status {status}"
    assert response.headers["Content-Type"].split(";")[0] == "application/problem+json", shown
    document = response.json()
    assert isinstance(document, dict), shown
    assert _REQUIRED <= document.keys() <= _REQUIRED | _OPTIONAL, shown
    assert (document["code"], document["status"]) == (code, status), shown
    assert document["retryable"] is (code in RETRYABLE), shown
    assert document["title"], shown
    assert document["detail"], shown
    assert document["request_id"] == response.headers["X-Request-ID"], shown
    assert REQUEST_ID.fullmatch(document["request_id"]), shown
    for entry in document.get("errors", []):
        assert entry.keys() == {"loc", "msg", "type"}, shown
    if status == httpx2.codes.UNAUTHORIZED and code in ASKS_FOR_TOKEN:
        assert response.headers["WWW-Authenticate"].startswith("Bearer"), shown
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        check_limit_headers(response)
    if "retry_after_ms" in document:
        assert int(response.headers["Retry-After"]) * 1000 >= document["retry_after_ms"] - 999, shown
    return document


def check_limit_headers(response: httpx2.Response) -> None:
    """Assert the headers of a 429: whole seconds to wait, and the limit with what is left of it."""
    assert int(response.headers["Retry-After"]) >= 1
    assert int(response.headers["X-RateLimit-Limit"]) >= 1
    assert int(response.headers["X-RateLimit-Remaining"]) == 0
    assert int(response.headers["X-RateLimit-Reset"]) > 1_700_000_000, "Unix seconds"

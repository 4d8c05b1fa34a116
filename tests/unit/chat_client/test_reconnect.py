"""What follows from the end of a connection and from a failed attempt."""

from __future__ import annotations

import pytest

from chat_client.errors import (
    BadAnswerError,
    ChatApiError,
    ChatClientError,
    ConnectionClosedError,
    HandshakeRefusedError,
    NotLoggedInError,
    ServerUnreachableError,
    SessionEndedError,
)
from chat_client.reconnect import STOP, Plan, plan


def refused(code: str, status: int, *, retryable: bool = False, retry_after_ms: int | None = None) -> ChatClientError:
    return HandshakeRefusedError(code, "", status=status, retryable=retryable, retry_after_ms=retry_after_ms)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionClosedError(1006, ""), Plan()),
        (ConnectionClosedError(4000, "internal_error"), Plan()),
        (ConnectionClosedError(4003, "slow_consumer"), Plan()),
        (ConnectionClosedError(4004, "rate_limited"), Plan(wait_s=60)),
        (ConnectionClosedError(4005, "token_expired"), Plan(refresh=True)),
        (ConnectionClosedError(4500, "session_revoked"), STOP),
        (ConnectionClosedError(4501, "too_many_errors"), STOP),
        (ConnectionClosedError(4502, "account_suspended"), STOP),
        (ConnectionClosedError(1002, ""), STOP),
        (ConnectionClosedError(1007, ""), STOP),
        (ConnectionClosedError(1009, ""), STOP),
    ],
)
def test_the_end_of_a_connection(error: ChatClientError, expected: Plan) -> None:
    assert plan(error) == expected


@pytest.mark.parametrize("code", [4001, 1006, 1012])
def test_a_draining_server_is_left_alone_as_long_as_it_asked(code: int) -> None:
    assert plan(ConnectionClosedError(code, ""), draining_s=3.5) == Plan(wait_s=3.5)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused("token_expired", 401), Plan(refresh=True)),
        (refused("invalid_token", 401), Plan(refresh=True)),
        (refused("invalid_ticket", 401), Plan()),
        (refused("session_revoked", 401), STOP),
        (refused("account_suspended", 403), STOP),
        (refused("origin_not_allowed", 403), STOP),
        (refused("bad_request", 400), STOP),
        (refused("connection_limit", 429, retryable=True, retry_after_ms=5000), Plan(wait_s=5)),
        (refused("rate_limited", 429, retryable=True, retry_after_ms=2000), Plan(wait_s=2)),
        (refused("draining", 503, retryable=True, retry_after_ms=1000), Plan(wait_s=1)),
        (refused("unavailable", 503, retryable=True), Plan()),
        (refused("http_502", 502, retryable=True), Plan()),
        (refused("http_404", 404), STOP),
    ],
)
def test_a_refused_handshake(error: ChatClientError, expected: Plan) -> None:
    assert plan(error) == expected


def test_a_fresh_token_that_is_refused_does_not_lead_to_a_loop_of_refreshes() -> None:
    assert plan(refused("token_expired", 401), refreshed=True) == Plan()
    assert plan(refused("invalid_token", 401), refreshed=True) == STOP


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ServerUnreachableError("refused"), Plan()),
        (BadAnswerError("html"), Plan()),
        (ChatApiError("unavailable", "", status=503, retryable=True, retry_after_ms=1500), Plan(wait_s=1.5)),
        (SessionEndedError("refresh_token_reused", "", status=401), STOP),
        (ChatApiError("account_suspended", "", status=403), STOP),
        (NotLoggedInError("log in first"), STOP),
    ],
)
def test_an_attempt_that_fails_before_the_handshake(error: ChatClientError, expected: Plan) -> None:
    assert plan(error) == expected

"""The one table of codes: every code is in it, and looks as the contract says."""

from __future__ import annotations

import pytest

from api.domain.errors import ChatError, ErrorCode, FieldError
from api.protocol.problems import SPECS, CloseCode, problem, problem_headers

# Contract, 3; the two of the socket alone have no HTTP status there.
STATUSES = {
    400: "bad_request invalid_frame unknown_type",
    401: "missing_token invalid_token token_expired session_revoked invalid_ticket invalid_credentials"
    " refresh_token_reused",
    403: "forbidden banned account_suspended origin_not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    409: "username_taken room_name_taken too_many_rooms last_owner idempotency_conflict resync_required",
    413: "too_large",
    422: "validation_error",
    429: "rate_limited connection_limit",
    500: "internal_error",
    503: "unavailable draining",
}
RETRYABLE = {"rate_limited", "connection_limit", "internal_error", "unavailable", "draining"}
CLOSE_CODES = {
    4000: "internal_error",
    4001: "draining",
    4002: "heartbeat_timeout",
    4003: "slow_consumer",
    4004: "rate_limited",
    4005: "token_expired",
    4500: "session_revoked",
    4501: "too_many_errors",
    4502: "account_suspended",
}


def test_the_table_holds_every_code_and_no_other() -> None:
    assert set(SPECS) == set(ErrorCode)


def test_every_code_has_the_status_of_the_contract() -> None:
    found: dict[int, set[str]] = {}
    for code, spec in SPECS.items():
        found.setdefault(spec.status, set()).add(code.value)
    assert found == {status: set(codes.split()) for status, codes in STATUSES.items()}


def test_what_may_succeed_later_is_retryable_and_nothing_else() -> None:
    assert {code.value for code, spec in SPECS.items() if spec.retryable} == RETRYABLE


def test_close_codes_give_their_word_as_reason() -> None:
    assert {code.value: code.reason for code in CloseCode} == CLOSE_CODES
    assert all(len(code.reason.encode()) <= 123 for code in CloseCode), "RFC 6455 §5.5"


@pytest.mark.parametrize("code", ErrorCode)
def test_a_problem_document_has_the_contracts_members(code: ErrorCode) -> None:
    document = problem(ChatError(code, "Because."), "r1")
    assert document == {
        "type": f"/problems/{code.value}",
        "title": SPECS[code].title,
        "status": SPECS[code].status,
        "detail": "Because.",
        "code": code.value,
        "request_id": "r1",
        "retryable": SPECS[code].retryable,
    }


def test_what_is_known_of_the_fields_and_of_the_time_is_told() -> None:
    errors = [FieldError(loc=["body"], msg="is empty", type="value_error")]
    error = ChatError(ErrorCode.VALIDATION_ERROR, "No.", retry_after_ms=0, errors=errors)
    document = problem(error, "")
    assert (document["retry_after_ms"], document["errors"]) == (0, errors)


@pytest.mark.parametrize(("wait_ms", "seconds"), [(1, "1"), (999, "1"), (1000, "1"), (1001, "2"), (0, "1")])
def test_the_header_tells_whole_seconds_rounded_up(wait_ms: int, seconds: str) -> None:
    error = ChatError(ErrorCode.RATE_LIMITED, "Slowly.", retry_after_ms=wait_ms, headers={"X-RateLimit-Limit": "5"})
    assert problem_headers(error) == {"Retry-After": seconds, "X-RateLimit-Limit": "5"}


def test_only_401_asks_for_credentials() -> None:
    assert problem_headers(ChatError(ErrorCode.INVALID_TOKEN, "")) == {"WWW-Authenticate": "Bearer"}
    assert problem_headers(ChatError(ErrorCode.FORBIDDEN, "")) == {}
    known = ChatError(ErrorCode.INVALID_CREDENTIALS, "", status=403)
    assert problem_headers(known) == {}
    assert problem(known, "")["status"] == 403

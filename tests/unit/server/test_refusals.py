"""Problem documents of the server itself."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from api.middleware.headers import SECURITY_HEADERS
from api.server.refusals import refusal


def _document(body: bytes | bytearray | None) -> dict[str, Any]:
    assert body is not None
    document = json.loads(body)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (405, "method_not_allowed"),
        (426, "bad_request"),
        (431, "too_large"),
        (500, "internal_error"),
        (503, "draining"),
        (505, "bad_request"),
    ],
)
def test_every_status_has_a_code_of_the_contract_and_the_same_status_inside(status: int, code: str) -> None:
    answer = refusal(status)
    document = _document(answer.body)
    assert answer.status_code == document["status"] == status
    assert document["code"] == code
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Connection"] == ("close, Upgrade" if status == 426 else "close")
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_draining_says_when_to_come_back() -> None:
    answer = refusal(503)
    assert answer.headers["Retry-After"] == "1"
    assert _document(answer.body)["retryable"] is True


def test_the_request_id_is_the_requests_own_if_it_is_one() -> None:
    answer = refusal(400, [("x-request-id", "abc.1_2-3")])
    assert answer.headers["X-Request-ID"] == _document(answer.body)["request_id"] == "abc.1_2-3"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "<script>", "ä"])
def test_a_bad_request_id_is_replaced_and_repeated_nowhere(sent: str) -> None:
    answer = refusal(400, [("X-Request-ID", sent)])
    assert UUID(answer.headers["X-Request-ID"]).version == 7

"""Refusals of the server as exceptions."""

from __future__ import annotations

import math

import pytest

from chat_client.errors import ChatApiError, HandshakeRefusedError


def test_a_problem_document_is_read_whole() -> None:
    error = ChatApiError.from_response(
        422,
        {},
        {
            "type": "about:blank",
            "title": "Unprocessable",
            "status": 422,
            "detail": "A field is wrong.",
            "code": "validation_error",
            "request_id": "r1",
            "retryable": False,
            "errors": [{"loc": ["body", "name"], "msg": "too long", "type": "string_too_long"}],
            "something_new": 1,
        },
    )
    assert (error.code, error.detail, error.status, error.request_id) == (
        "validation_error",
        "A field is wrong.",
        422,
        "r1",
    )
    assert error.errors[0]["msg"] == "too long"
    assert not error.retryable
    assert str(error) == "validation_error: A field is wrong."


def test_retry_after_is_taken_from_the_document_or_else_from_the_header() -> None:
    body = {"code": "rate_limited", "retryable": True}
    header = {"retry-after": "3"}
    assert ChatApiError.from_response(429, header, body).retry_after_s == 3
    assert ChatApiError.from_response(429, header, body | {"retry_after_ms": 2500}).retry_after_s == 2.5
    assert ChatApiError.from_response(429, {"retry-after": "soon"}, body).retry_after_s == 0


@pytest.mark.parametrize("wait", ["9" * 5000, "\N{SUPERSCRIPT TWO}"])
def test_a_wait_that_is_no_number_is_none(wait: str) -> None:
    assert ChatApiError.from_response(503, {"retry-after": wait}, None).retry_after_ms is None


@pytest.mark.parametrize("wait", [math.inf, math.nan, -1, True, "1"])
def test_a_wait_of_a_document_that_is_no_number_is_none(wait: object) -> None:
    assert ChatApiError.from_frame({"code": "rate_limited", "retry_after_ms": wait}).retry_after_ms is None


def test_an_answer_of_something_in_front_of_the_server_has_a_code_of_its_own() -> None:
    bad_gateway = HandshakeRefusedError.from_response(502, {"retry-after": "7"}, None)
    assert (bad_gateway.code, bad_gateway.retryable, bad_gateway.retry_after_s) == ("http_502", True, 7)
    assert not HandshakeRefusedError.from_response(404, {}, ["not", "ours"]).retryable


def test_an_error_frame_is_read_whole() -> None:
    error = ChatApiError.from_frame(
        {"type": "error", "id": "c1", "code": "rate_limited", "detail": "", "retryable": True, "retry_after_ms": 200}
    )
    assert (error.code, error.status, error.retryable, error.retry_after_s) == ("rate_limited", None, True, 0.2)

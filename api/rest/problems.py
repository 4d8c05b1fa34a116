"""What a route may refuse, as OpenAPI has it: a few lines where the route stands say it all."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from api.domain.errors import ChatError, ErrorCode, FieldError
from api.protocol.examples import REQUEST_ID
from api.protocol.objects import FieldProblem, leave_out
from api.protocol.problems import PROBLEM_MEDIA_TYPE, SPECS, problem

Refusal = tuple[int, ErrorCode]
"""A status and a code that go together in one answer."""


def _own(*codes: ErrorCode) -> tuple[Refusal, ...]:
    return tuple((SPECS[code].status, code) for code in codes)


FOR_MACHINES: Final = (
    *_own(ErrorCode.BAD_REQUEST, ErrorCode.TOO_LARGE, ErrorCode.INTERNAL_ERROR, ErrorCode.DRAINING),
    (HTTPStatus.REQUEST_TIMEOUT.value, ErrorCode.BAD_REQUEST),
)
"""What any request can get, whatever it asks for."""
FOR_ANYONE: Final = (
    *FOR_MACHINES,
    *_own(ErrorCode.VALIDATION_ERROR, ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE),
)
"""What every route under `/v1` may refuse."""
FOR_USERS: Final = (
    *FOR_ANYONE,
    *_own(
        ErrorCode.MISSING_TOKEN,
        ErrorCode.INVALID_TOKEN,
        ErrorCode.TOKEN_EXPIRED,
        ErrorCode.SESSION_REVOKED,
        ErrorCode.ACCOUNT_SUSPENDED,
    ),
)
"""What every route may refuse that needs a token."""

IN_ROOM: Final = (ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN, ErrorCode.BANNED)
"""What every route into a room may refuse besides."""

WRONG_PASSWORD: Final = (HTTPStatus.FORBIDDEN.value, ErrorCode.INVALID_CREDENTIALS)
"""Whoever is logged in has a good token, so a wrong password is 403."""


class Problem(BaseModel):
    """What every refusal looks like (RFC 9457); `code` is what programs go by."""

    type: str = Field(description="Names the kind of problem; nothing is to be read there.")
    title: str = Field(description="The code in words, for people.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What is wrong, for people. Nothing that was sent is repeated.")
    code: ErrorCode = Field(description="Go by this. One closed list, the same over REST and socket.")
    request_id: str = Field(description="The answer's `X-Request-ID`; the operators find the request by it.")
    retryable: bool = Field(description="The same request may succeed later.")
    retry_after_ms: int | SkipJsonSchema[None] = Field(
        default=None, description="There when the server knows when.", json_schema_extra=leave_out
    )
    errors: list[FieldProblem] | SkipJsonSchema[None] = Field(
        default=None, description="The refused fields of a `validation_error`, 20 at most.", json_schema_extra=leave_out
    )


def problems(*own: ErrorCode | Refusal, general: Sequence[Refusal] = FOR_USERS) -> dict[int | str, dict[str, Any]]:
    """Document what a route refuses, with the headers and an example of each.

    Args:
        own: codes of this route; a pair where it answers one with a status that is not the code's own.
        general: what it refuses like others of its kind.
    """
    refusals = {*general, *(one if isinstance(one, tuple) else (SPECS[one].status, one) for one in own)}
    by_status: dict[int, list[ErrorCode]] = {}
    for status, code in sorted(refusals, key=lambda refusal: (refusal[0], list(ErrorCode).index(refusal[1]))):
        by_status.setdefault(status, []).append(code)
    return {status: _response(status, codes) for status, codes in by_status.items()}


def _response(status: int, codes: Sequence[ErrorCode]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": "\n".join(f"- `{code}`: {_meaning(status, code)}" for code in codes),
        "content": {
            PROBLEM_MEDIA_TYPE: {
                # Beside the reference: who knows only that reads any problem, who knows more reads these codes.
                "schema": {
                    "$ref": "#/components/schemas/Problem",
                    "properties": {"status": {"const": status}, "code": {"enum": [code.value for code in codes]}},
                },
                "examples": {
                    code.value: {"$ref": f"#/components/examples/{_example_name(status, code)}"} for code in codes
                },
            }
        },
    }
    if status in _HEADERS_OF:
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS_OF[status]}
    return response


_HEADERS_OF: Final = {
    401: ("WWW-Authenticate",),
    426: ("Upgrade", "Sec-WebSocket-Version"),
    429: ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    503: ("Retry-After",),
}


def _header(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "required": True, "schema": schema}


HEADERS: Final = {
    "X-Request-ID": _header(
        "The request's own if it is 1-64 of `[A-Za-z0-9._-]`, else a new one; the server's log has the same.",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$", "examples": [REQUEST_ID]},
    ),
    "WWW-Authenticate": _header("How to authenticate.", {"type": "string", "const": "Bearer"}),
    "Retry-After": _header("Whole seconds to wait.", {"type": "integer", "minimum": 1, "examples": [2]}),
    "X-RateLimit-Limit": _header("How many the limit lets in.", {"type": "integer", "minimum": 1, "examples": [600]}),
    "X-RateLimit-Remaining": _header("How many are left: none.", {"type": "integer", "minimum": 0, "examples": [0]}),
    "X-RateLimit-Reset": _header(
        "When all are there again, in Unix seconds.", {"type": "integer", "examples": [1795324322]}
    ),
    "Upgrade": _header("What to ask for.", {"type": "string", "const": "websocket"}),
    "Sec-WebSocket-Version": _header("The version to ask for.", {"type": "string", "const": "13"}),
}

_OTHER_MEANINGS: Final[Mapping[Refusal, str]] = {
    WRONG_PASSWORD: "The password is wrong.",
    (HTTPStatus.REQUEST_TIMEOUT.value, ErrorCode.BAD_REQUEST): "The body was not here whole within 30 seconds.",
    (HTTPStatus.UPGRADE_REQUIRED.value, ErrorCode.BAD_REQUEST): "Ask for the upgrade to a WebSocket of version 13.",
    (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE.value, ErrorCode.TOO_LARGE): "The headers are too large.",
}
"""What a code says with a status that is not its own."""


def _meaning(status: int, code: ErrorCode) -> str:
    return _OTHER_MEANINGS.get((status, code), SPECS[code].meaning)


def _example_name(status: int, code: ErrorCode) -> str:
    return code.value if status == SPECS[code].status else f"{code.value}_{status}"


def problem_examples() -> dict[str, dict[str, Any]]:
    """Give one example for each code, and for each other status that it may have."""
    refusals = [*_own(*SPECS), *_OTHER_MEANINGS]
    return {_example_name(status, code): _example(status, code) for status, code in refusals}


def _example(status: int, code: ErrorCode) -> dict[str, Any]:
    spec = SPECS[code]
    errors = [FieldError(loc=["body", "username"], msg="Field required", type="missing")]
    error = ChatError(
        code,
        _meaning(status, code).replace("`", ""),
        status=status,
        retry_after_ms=1200 if spec.retryable and code is not ErrorCode.INTERNAL_ERROR else None,
        errors=errors if code is ErrorCode.VALIDATION_ERROR else (),
    )
    return {"summary": code.value, "description": _meaning(status, code), "value": problem(error, REQUEST_ID)}

"""What REST bodies have in common: how requests are read, and how refusals are documented.

Handlers answer with what `api.protocol.frames` writes; the models of `api.protocol.objects` document it in OpenAPI.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from api.domain.errors import ErrorCode
from api.protocol.objects import FieldProblem, leave_out
from api.protocol.problems import PROBLEM_MEDIA_TYPE, SPECS


class RequestBody(BaseModel):
    """A request's fields: one that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Problem(BaseModel):
    """What every refusal looks like (RFC 9457); `code` is what programs go by."""

    type: str
    title: str
    status: int
    detail: str
    code: ErrorCode
    request_id: str
    retryable: bool
    retry_after_ms: int | SkipJsonSchema[None] = Field(default=None, json_schema_extra=leave_out)
    errors: list[FieldProblem] | SkipJsonSchema[None] = Field(default=None, json_schema_extra=leave_out)


_ALWAYS = (ErrorCode.VALIDATION_ERROR, ErrorCode.RATE_LIMITED, ErrorCode.INTERNAL_ERROR, ErrorCode.UNAVAILABLE)
_WITH_USER = (
    ErrorCode.MISSING_TOKEN,
    ErrorCode.INVALID_TOKEN,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.SESSION_REVOKED,
    ErrorCode.ACCOUNT_SUSPENDED,
)
_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}


def problems(
    *codes: ErrorCode, with_user: bool = True, with_status: Mapping[ErrorCode, int] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Document what a route refuses, beside what every route may.

    Args:
        codes: of this route.
        with_user: the route needs a token.
        with_status: codes that this route answers with a status other than their own.
    """
    statuses = {code: SPECS[code].status for code in (*codes, *_ALWAYS, *(_WITH_USER if with_user else ()))}
    by_status: dict[int, list[str]] = {}
    for code, status in sorted((statuses | dict(with_status or {})).items(), key=lambda item: item[1]):
        by_status.setdefault(status, []).append(code.value)
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase}: " + ", ".join(f"`{name}`" for name in names),
            "content": {PROBLEM_MEDIA_TYPE: {"schema": _PROBLEM_REF}},
        }
        for status, names in by_status.items()
    }


def add_problem_schema(document: dict[str, Any]) -> None:
    """Put `Problem` into an OpenAPI document: no route returns it, so FastAPI does not see it."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}))
    schemas["Problem"] = schema

"""What REST bodies look like: the shared models and the fields that several routes take.

Handlers answer with the objects of `api.protocol.frames`; these models document them in OpenAPI, and hold them to it.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from api.domain.errors import ErrorCode
from api.protocol.fields import Id
from api.protocol.problems import PROBLEM_MEDIA_TYPE, SPECS

Timestamp = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


class RequestBody(BaseModel):
    """A request's fields: one that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class User(BaseModel):
    """An account as everyone may see it."""

    id: Id
    username: str
    display_name: str
    role: Literal["user", "admin"]
    created_at: Timestamp


class UserRef(BaseModel):
    """A user as others see them in events and messages, named as they are now."""

    id: Id
    username: str
    display_name: str


def _may_be_absent(schema: dict[str, Any]) -> None:
    # It is left out, never null.
    del schema["default"]


class FieldProblem(BaseModel):
    """One refused field: where it stands, why in words, and why in a word."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(BaseModel):
    """What every refusal looks like (RFC 9457); `code` is what programs go by."""

    type: str
    title: str
    status: int
    detail: str
    code: ErrorCode
    request_id: str
    retryable: bool
    retry_after_ms: int | SkipJsonSchema[None] = Field(default=None, json_schema_extra=_may_be_absent)
    errors: list[FieldProblem] | SkipJsonSchema[None] = Field(default=None, json_schema_extra=_may_be_absent)


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


class RoomMembership(BaseModel):
    """What the user who asks is in the room; `unread_count` stops at 100."""

    role: Literal["owner", "moderator", "member"]
    read_seq: int
    unread_count: int
    joined_at: Timestamp


class Room(BaseModel):
    """A room; `me` is null for who is no member."""

    id: Id
    name: str
    topic: str
    visibility: Literal["public", "private"]
    epoch: str
    last_seq: int
    member_count: int
    created_at: Timestamp
    me: RoomMembership | None


class Member(BaseModel):
    """One user's place in one room."""

    user: UserRef
    role: Literal["owner", "moderator", "member"]
    joined_at: Timestamp


class Ban(BaseModel):
    """Who may not join a room, why, and who said so."""

    user: UserRef
    reason: str
    actor: UserRef | None
    created_at: Timestamp


class Message(BaseModel):
    """A message as it is now; of two copies the one with the higher `revision` holds."""

    id: Id
    room_id: Id
    seq: int
    revision: int
    author: UserRef
    body: str
    idempotency_key: str | None
    created_at: Timestamp
    edited_at: Timestamp | None
    deleted_at: Timestamp | None

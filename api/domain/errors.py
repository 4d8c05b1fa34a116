"""The one closed list of error codes, and the exception that carries them.

How a code looks on the wire (status, title, retryable) stands in `api.protocol.problems`.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TypedDict


class ErrorCode(StrEnum):
    """What a client may be told; the word itself is the contract."""

    BAD_REQUEST = "bad_request"
    MISSING_TOKEN = "missing_token"  # noqa: S105 - a code, not a secret
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a code, not a secret
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, not a secret
    SESSION_REVOKED = "session_revoked"
    INVALID_TICKET = "invalid_ticket"
    INVALID_CREDENTIALS = "invalid_credentials"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - a code, not a secret
    FORBIDDEN = "forbidden"
    BANNED = "banned"
    ACCOUNT_SUSPENDED = "account_suspended"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    USERNAME_TAKEN = "username_taken"
    ROOM_NAME_TAKEN = "room_name_taken"
    TOO_MANY_ROOMS = "too_many_rooms"
    LAST_OWNER = "last_owner"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    RESYNC_REQUIRED = "resync_required"
    TOO_LARGE = "too_large"
    VALIDATION_ERROR = "validation_error"
    RATE_LIMITED = "rate_limited"
    CONNECTION_LIMIT = "connection_limit"
    INTERNAL_ERROR = "internal_error"
    UNAVAILABLE = "unavailable"
    DRAINING = "draining"
    INVALID_FRAME = "invalid_frame"
    UNKNOWN_TYPE = "unknown_type"


class FieldError(TypedDict):
    """One refused field: where, why in words, and why in a word; never the refused value."""

    loc: list[str | int]
    msg: str
    type: str


class ChatError(Exception):
    """Refuse what a client asked for, with a code of the contract.

    Args:
        code: what the client is told.
        detail: one sentence for the person who reads it; never an echo of the input, SQL, or a secret.
        retry_after_ms: when a retry may succeed.
        errors: the refused fields.
        status: an HTTP status that differs from the code's own (`invalid_credentials` of a logged-in user is 403).
        headers: further HTTP headers of the answer.
        user_id: whose token was refused, for the log alone.
    """

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        retry_after_ms: int | None = None,
        errors: Sequence[FieldError] = (),
        status: int | None = None,
        headers: dict[str, str] | None = None,
        user_id: str | None = None,
    ) -> None:
        super().__init__(f"{code.value}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_ms = retry_after_ms
        self.errors = errors
        self.status = status
        self.headers = headers
        self.user_id = user_id


def not_found(what: str) -> ChatError:
    """Build the error for something that is not there, or that the asker may not know of."""
    return ChatError(ErrorCode.NOT_FOUND, f"There is no such {what}.")


def forbidden(detail: str = "You may not do this.") -> ChatError:
    """Build the error for something the asker may see but not do."""
    return ChatError(ErrorCode.FORBIDDEN, detail)


def internal_error() -> ChatError:
    """Build the answer to what nobody foresaw."""
    return ChatError(ErrorCode.INTERNAL_ERROR, "Something went wrong here; the operators can find it by its id.")


def invalid(loc: Sequence[str | int], msg: str, kind: str = "value_error") -> ChatError:
    """Build the error for one field whose value only the database could judge."""
    return ChatError(
        ErrorCode.VALIDATION_ERROR,
        "The request is not valid.",
        errors=[FieldError(loc=list(loc), msg=msg, type=kind)],
    )

"""The one table of codes: what each error is over HTTP, on a socket, and when a socket closes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from api.domain.errors import ChatError, ErrorCode

PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """How one code looks on the wire; `retryable`: the same request may succeed later."""

    title: str
    status: int
    retryable: bool = False


SPECS: Mapping[ErrorCode, ErrorSpec] = {
    ErrorCode.BAD_REQUEST: ErrorSpec("Bad request", 400),
    ErrorCode.MISSING_TOKEN: ErrorSpec("Missing token", 401),
    ErrorCode.INVALID_TOKEN: ErrorSpec("Invalid token", 401),
    ErrorCode.TOKEN_EXPIRED: ErrorSpec("Token expired", 401),
    ErrorCode.SESSION_REVOKED: ErrorSpec("Session revoked", 401),
    ErrorCode.INVALID_TICKET: ErrorSpec("Invalid ticket", 401),
    ErrorCode.INVALID_CREDENTIALS: ErrorSpec("Invalid credentials", 401),
    ErrorCode.REFRESH_TOKEN_REUSED: ErrorSpec("Refresh token reused", 401),
    ErrorCode.FORBIDDEN: ErrorSpec("Forbidden", 403),
    ErrorCode.BANNED: ErrorSpec("Banned", 403),
    ErrorCode.ACCOUNT_SUSPENDED: ErrorSpec("Account suspended", 403),
    ErrorCode.ORIGIN_NOT_ALLOWED: ErrorSpec("Origin not allowed", 403),
    ErrorCode.NOT_FOUND: ErrorSpec("Not found", 404),
    ErrorCode.METHOD_NOT_ALLOWED: ErrorSpec("Method not allowed", 405),
    ErrorCode.USERNAME_TAKEN: ErrorSpec("Username taken", 409),
    ErrorCode.ROOM_NAME_TAKEN: ErrorSpec("Room name taken", 409),
    ErrorCode.TOO_MANY_ROOMS: ErrorSpec("Too many rooms", 409),
    ErrorCode.LAST_OWNER: ErrorSpec("Last owner", 409),
    ErrorCode.IDEMPOTENCY_CONFLICT: ErrorSpec("Idempotency conflict", 409),
    ErrorCode.RESYNC_REQUIRED: ErrorSpec("Resync required", 409),
    ErrorCode.TOO_LARGE: ErrorSpec("Too large", 413),
    ErrorCode.VALIDATION_ERROR: ErrorSpec("Validation error", 422),
    ErrorCode.RATE_LIMITED: ErrorSpec("Rate limited", 429, retryable=True),
    ErrorCode.CONNECTION_LIMIT: ErrorSpec("Connection limit", 429, retryable=True),
    ErrorCode.INTERNAL_ERROR: ErrorSpec("Internal error", 500, retryable=True),
    ErrorCode.UNAVAILABLE: ErrorSpec("Unavailable", 503, retryable=True),
    ErrorCode.DRAINING: ErrorSpec("Draining", 503, retryable=True),
    ErrorCode.INVALID_FRAME: ErrorSpec("Invalid frame", 400),
    ErrorCode.UNKNOWN_TYPE: ErrorSpec("Unknown type", 400),
}


class CloseCode(IntEnum):
    """Why the server closes a socket: 4000-4499 reconnect and resume, 4500-4999 stop; the reason is `.reason`."""

    NORMAL = 1000
    INTERNAL_ERROR = 4000
    DRAINING = 4001
    HEARTBEAT_TIMEOUT = 4002
    SLOW_CONSUMER = 4003
    RATE_LIMITED = 4004
    TOKEN_EXPIRED = 4005
    SESSION_REVOKED = 4500
    TOO_MANY_ERRORS = 4501
    ACCOUNT_SUSPENDED = 4502

    @property
    def reason(self) -> str:
        """Give the word that goes into the close frame."""
        return self.name.lower()


def problem(error: ChatError, request_id: str) -> dict[str, Any]:
    """Build the problem document (RFC 9457) of an error."""
    spec = SPECS[error.code]
    document: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": spec.title,
        "status": error.status or spec.status,
        "detail": error.detail,
        "code": error.code.value,
        "request_id": request_id,
        "retryable": spec.retryable,
    }
    if error.retry_after_ms is not None:
        document["retry_after_ms"] = error.retry_after_ms
    if error.errors:
        document["errors"] = list(error.errors)
    return document


def problem_headers(error: ChatError) -> dict[str, str]:
    """Build the headers that go with a problem document: whole seconds to wait, how to authenticate."""
    headers = dict(error.headers or {})
    if error.retry_after_ms is not None:
        headers["Retry-After"] = str(max(1, -(-error.retry_after_ms // 1000)))
    if (error.status or SPECS[error.code].status) == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2
        headers["WWW-Authenticate"] = "Bearer"
    return headers

"""The one table of codes: what each error is over HTTP, on a socket, and when a socket closes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from api.domain.errors import ChatError, ErrorCode

PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """How one code looks on the wire, and what it tells a client; `retryable`: the same request may succeed later."""

    title: str
    status: int
    meaning: str
    retryable: bool = False


SPECS: Mapping[ErrorCode, ErrorSpec] = {
    ErrorCode.BAD_REQUEST: ErrorSpec(
        "Bad request", 400, "The request, its `Host` or its handshake is not as it should be: mend the client."
    ),
    ErrorCode.MISSING_TOKEN: ErrorSpec("Missing token", 401, "No token was sent: log in."),
    ErrorCode.INVALID_TOKEN: ErrorSpec(
        "Invalid token", 401, "The token is none of this server, or of another session: log in."
    ),
    ErrorCode.TOKEN_EXPIRED: ErrorSpec("Token expired", 401, "The access token has expired: refresh it, then again."),
    ErrorCode.SESSION_REVOKED: ErrorSpec("Session revoked", 401, "The session has ended: log in."),
    ErrorCode.INVALID_TICKET: ErrorSpec(
        "Invalid ticket", 401, "The ticket is unknown, spent or too old: ask for a new one."
    ),
    ErrorCode.INVALID_CREDENTIALS: ErrorSpec(
        "Invalid credentials", 401, "Wrong username or password; 403 where a logged-in user shows the password again."
    ),
    ErrorCode.REFRESH_TOKEN_REUSED: ErrorSpec(
        "Refresh token reused",
        401,
        "The refresh token was spent before, so somebody else has it: the session has ended, log in.",
    ),
    ErrorCode.FORBIDDEN: ErrorSpec("Forbidden", 403, "The user may not do this."),
    ErrorCode.BANNED: ErrorSpec("Banned", 403, "The user is banned from this room."),
    ErrorCode.ACCOUNT_SUSPENDED: ErrorSpec("Account suspended", 403, "The operators have suspended the account."),
    ErrorCode.ORIGIN_NOT_ALLOWED: ErrorSpec(
        "Origin not allowed", 403, "Pages of this origin may not connect: the server's list lacks it."
    ),
    ErrorCode.NOT_FOUND: ErrorSpec("Not found", 404, "There is no such thing, or the user may not know of it."),
    ErrorCode.METHOD_NOT_ALLOWED: ErrorSpec("Method not allowed", 405, "The path has no such method."),
    ErrorCode.USERNAME_TAKEN: ErrorSpec("Username taken", 409, "Choose another username."),
    ErrorCode.ROOM_NAME_TAKEN: ErrorSpec("Room name taken", 409, "A public room has this name."),
    ErrorCode.TOO_MANY_ROOMS: ErrorSpec("Too many rooms", 409, "The user is in as many rooms as one can be."),
    ErrorCode.LAST_OWNER: ErrorSpec("Last owner", 409, "The room would have no owner: make another one first."),
    ErrorCode.IDEMPOTENCY_CONFLICT: ErrorSpec(
        "Idempotency conflict", 409, "The key has sent another message: each message takes a key of its own."
    ),
    ErrorCode.RESYNC_REQUIRED: ErrorSpec(
        "Resync required", 409, "The room's log is another one than yours: drop your copy and load it anew."
    ),
    ErrorCode.TOO_LARGE: ErrorSpec("Too large", 413, "The body has more than 64 KiB; 431 where it is the headers."),
    ErrorCode.VALIDATION_ERROR: ErrorSpec(
        "Validation error", 422, "Fields are not as they should be; `errors` says which."
    ),
    ErrorCode.RATE_LIMITED: ErrorSpec(
        "Rate limited", 429, "Too much at once: wait for `retry_after_ms`.", retryable=True
    ),
    ErrorCode.CONNECTION_LIMIT: ErrorSpec(
        "Connection limit", 429, "Too many sockets of the user, or on this node.", retryable=True
    ),
    ErrorCode.INTERNAL_ERROR: ErrorSpec(
        "Internal error", 500, "A fault of the server; the operators find it by its id.", retryable=True
    ),
    ErrorCode.UNAVAILABLE: ErrorSpec(
        "Unavailable",
        503,
        "Nothing can be read or stored just now; a message may be stored all the same: send it again, same key.",
        retryable=True,
    ),
    ErrorCode.DRAINING: ErrorSpec(
        "Draining", 503, "This node is going down: come back after `retry_after_ms`.", retryable=True
    ),
    ErrorCode.INVALID_FRAME: ErrorSpec("Invalid frame", 400, "The frame is binary, no JSON, or no object."),
    ErrorCode.UNKNOWN_TYPE: ErrorSpec("Unknown type", 400, "There is no command of this type."),
}

SOCKET_ONLY = frozenset({ErrorCode.INVALID_FRAME, ErrorCode.UNKNOWN_TYPE})
"""Codes that no HTTP answer has; their status stands for nothing."""


class CloseCode(IntEnum):
    """Why the server closes a socket: 4000-4499 reconnect and resume, 4500-4999 stop; the reason is `.reason`."""

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


@dataclass(frozen=True, slots=True)
class CloseSpec:
    """Why a socket was closed, and what the client does then."""

    meaning: str
    action: str


CLOSES: Mapping[CloseCode, CloseSpec] = {
    CloseCode.INTERNAL_ERROR: CloseSpec("A fault of the server.", "Reconnect."),
    CloseCode.DRAINING: CloseSpec(
        "The node is going down.", "Reconnect after the `reconnect_after_ms` of `server.draining`."
    ),
    CloseCode.HEARTBEAT_TIMEOUT: CloseSpec("No pong came for too long.", "Reconnect."),
    CloseCode.SLOW_CONSUMER: CloseSpec("The client read too slowly.", "Reconnect; read faster."),
    CloseCode.RATE_LIMITED: CloseSpec(
        "100 commands were answered `rate_limited` within a minute.", "Reconnect after 60 s."
    ),
    CloseCode.TOKEN_EXPIRED: CloseSpec(
        "The access token has expired, and no `token.refresh` came.", "Refresh, then reconnect."
    ),
    CloseCode.SESSION_REVOKED: CloseSpec("The session has ended.", "Log in again."),
    CloseCode.TOO_MANY_ERRORS: CloseSpec("20 frames in a row were no commands.", "Mend the client."),
    CloseCode.ACCOUNT_SUSPENDED: CloseSpec("The operators have suspended the account.", "Stop."),
}

PROTOCOL_CLOSES: Mapping[int, CloseSpec] = {
    1002: CloseSpec("The frames break RFC 6455.", "Mend the client."),
    1007: CloseSpec("A text frame is no UTF-8.", "Mend the client."),
    1009: CloseSpec("A frame has more than 64 KiB.", "Mend the client."),
}
"""What the WebSocket protocol itself closes with; the reason is for people."""


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

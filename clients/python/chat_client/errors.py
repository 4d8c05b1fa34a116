"""Everything the client raises.

* `ChatClientError`
    * `ChatApiError`: the server answered with a code of its list
        * `HandshakeRefusedError`: instead of a WebSocket
        * `SessionEndedError`: the login is over, only a new one helps
    * `ServerUnreachableError`: no answer
    * `BadAnswerError`: an answer outside the contract
    * `ConnectionClosedError`: the WebSocket ended
    * `ClientClosedError`: the application closed the client
    * `NotLoggedInError`: the session holds no tokens
    * `CommandTimeoutError`, `SendTimeoutError` (both `TimeoutError` too)
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

Json = dict[str, Any]

NOT_AS_PROMISED = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
"""What reading an answer raises where a promised field is missing, of another kind, or beyond any bound."""

# A wait of more digits than this is none.
_SECONDS_DIGITS_MAX = 9

# What a proxy in front of the server says while it restarts; none of these is a judgement on the request itself.
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class ChatClientError(Exception):
    """Base of all errors of this package."""


class ChatApiError(ChatClientError):
    """A refusal by the server, from a problem document or an `error` frame.

    Attributes:
        code: The contract; a word of the server's closed list, or `http_<status>` where something in front of the
            server answered without one.
        status: The HTTP status; None on the socket.
        retryable: The same request may succeed later.
        retry_after_ms: How long to wait at least, in milliseconds.
        errors: Per-field details of a `validation_error`, each with `loc`, `msg`, `type`.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        retry_after_ms: int | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.errors = tuple(errors)
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code

    @property
    def retry_after_s(self) -> float:
        """The wait the server asks for, in seconds; 0 where it asks for none."""
        return (self.retry_after_ms or 0) / 1000

    @classmethod
    def from_frame(cls, frame: Mapping[str, Any]) -> Self:
        """Read an `error` frame."""
        return cls._from_object(frame, status=None, retry_after_ms=_whole(frame.get("retry_after_ms")))

    @classmethod
    def from_response(cls, status: int, headers: Mapping[str, str], body: Any) -> Self:  # noqa: ANN401 - decoded JSON
        """Read a refusal over HTTP: header names in lower case, and the decoded JSON, None where there was none."""
        seconds = headers.get("retry-after", "")
        is_number = seconds.isascii() and seconds.isdigit() and len(seconds) <= _SECONDS_DIGITS_MAX
        retry_after_ms = int(seconds) * 1000 if is_number else None
        if not isinstance(body, dict) or not isinstance(body.get("code"), str):
            return cls(
                f"http_{status}",
                f"The server answered {status} without saying why.",
                status=status,
                retryable=status in _TRANSIENT,
                retry_after_ms=retry_after_ms,
            )
        told = _whole(body.get("retry_after_ms"))
        return cls._from_object(body, status=status, retry_after_ms=retry_after_ms if told is None else told)

    @classmethod
    def _from_object(cls, found: Mapping[str, Any], *, status: int | None, retry_after_ms: int | None) -> Self:
        errors = found.get("errors")
        request_id = found.get("request_id")
        return cls(
            str(found.get("code", "unknown")),
            str(found.get("detail") or found.get("title") or ""),
            status=status,
            retryable=found.get("retryable") is True,
            retry_after_ms=retry_after_ms,
            errors=[e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else (),
            request_id=request_id if isinstance(request_id, str) else None,
        )


class HandshakeRefusedError(ChatApiError):
    """The server answered the WebSocket handshake with a problem document."""


class SessionEndedError(ChatApiError):
    """The refresh token is no longer taken: log in again."""


class ServerUnreachableError(ChatClientError):
    """No answer: the server is down, the network is, or the time was up. Whether a request took effect is unknown."""


class BadAnswerError(ChatClientError):
    """The server, or something in front of it, answered in a way the contract does not know."""


class NotLoggedInError(ChatClientError):
    """The session holds no tokens: sign up or log in first."""


class ClientClosedError(ChatClientError):
    """The client was closed by the application."""


class ConnectionClosedError(ChatClientError):
    """The WebSocket ended; `code` 1006 where no close frame came."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"connection closed with {self.code} {self.reason}".rstrip()


class CommandTimeoutError(ChatClientError, TimeoutError):
    """A command got no answer in time; whether it took effect is unknown."""


class SendTimeoutError(ChatClientError, TimeoutError):
    """A message was not acknowledged in time, and is not tried again.

    Attributes:
        idempotency_key: Sending again with this key cannot make a second message.
        may_exist: False if it never left this process.
    """

    def __init__(self, idempotency_key: str, *, may_exist: bool) -> None:
        super().__init__(idempotency_key, may_exist)
        self.idempotency_key = idempotency_key
        self.may_exist = may_exist

    def __str__(self) -> str:
        return "the message was not acknowledged in time" + ("" if self.may_exist else " and was not sent")


def _whole(value: object) -> int | None:
    """Return a number that is usable as milliseconds, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < math.inf else None

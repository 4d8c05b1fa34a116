"""Context: every request has an id, in its log lines and in its answer, and leaves one line.

The message door is `bind_connection`: every line written for a connection carries its id and user.
"""

import re
import time
from collections.abc import Callable
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import log_events

REQUEST_ID_HEADER = "X-Request-ID"
QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines; a line each would hide the people. A failure is told by its own event."""

HIDDEN: Final = "…"
_SEGMENT: Final = re.compile(r"(?!eyJ)[\w.~-]{0,40}", re.ASCII)
_PATH_CHARS_MAX: Final = 512
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""A request id that a client may bring."""

_SERVER_ERROR = 500


class ContextMiddleware:
    """Name each request and handshake, and write its line when it is answered.

    Args:
        new_id: makes a request id where the client brought none that can be used.
    """

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = given if REQUEST_ID.fullmatch(given) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answer = _Answer()

        async def send_named(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start", "websocket.accept"}:
                answer.status = message.get("status", 101)
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            elif message["type"] == "http.response.body":
                answer.bytes_out += len(message.get("body", b""))
            await send(message)

        started_s = time.monotonic()
        try:
            await self._app(scope, receive, send_named)
        finally:
            if scope["type"] == "http":
                _write_request(scope, answer, time.monotonic() - started_s)
            elif "refusal" in scope["state"]:
                _write_refusal(scope, answer)


class _Answer:
    """What became of one request."""

    __slots__ = ("bytes_out", "status")

    def __init__(self) -> None:
        self.status = 499  # the client was gone before any answer
        self.bytes_out = 0


def _write_request(scope: Scope, answer: _Answer, seconds: float) -> None:
    if scope["path"] in QUIET_PATHS and answer.status < _SERVER_ERROR:
        return
    log_events.HTTP_REQUEST.emit(
        method=scope["method"],
        path=shown_path(scope),
        status=answer.status,
        ms=round(seconds * 1000, 1),
        client=(scope.get("client") or ("",))[0],
        user_agent=Headers(scope=scope).get("user-agent", ""),
        bytes_out=answer.bytes_out,
    )


def _write_refusal(scope: Scope, answer: _Answer) -> None:
    headers = Headers(scope=scope)
    log_events.WS_REFUSED.emit(
        code=scope["state"]["refusal"].value,
        status=answer.status,
        client=(scope.get("client") or ("",))[0],
        user_agent=headers.get("user-agent", ""),
        origin=headers.get("origin"),
    )


def shown_path(scope: Scope) -> str:
    """Give a request's path as a log may hold it: parts that are longer than an id, or no plain word, are hidden.

    Clients put tokens into addresses, which are percent-decoded here: a query string can hide behind `%3F`.
    """
    parts = scope["path"][:_PATH_CHARS_MAX].split("/")
    return "/".join(part if _SEGMENT.fullmatch(part) else HIDDEN for part in parts)


def bind_user(user_id: str) -> None:
    """Name the user in every log line of this request from now on."""
    structlog.contextvars.bind_contextvars(user_id=user_id)


def bind_connection(connection_id: str, user_id: str) -> None:
    """Name the connection and its user in every log line that this task writes from now on: the message door."""
    structlog.contextvars.unbind_contextvars("request_id")
    structlog.contextvars.bind_contextvars(connection_id=connection_id, user_id=user_id)

"""Bodies: nobody makes the server read more than it wants to, or wait for it.

The message door is the wire's own frame limit.
"""

import asyncio
import math
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.domain.errors import ChatError, ErrorCode
from api.middleware.errors import problem_response

_LENGTH_DIGITS_MAX: Final = 18


class BodyLimitMiddleware:
    """Read a request's body before its route does, and refuse one that is too large, too slow, or will never be here.

    A client that leaves in the middle of its body has asked for nothing. The server's `receive` may raise a ChatError.

    Args:
        bytes_max: what a body may be; the length that a client declares is believed only where it is larger.
        seconds_max: until when all of it has to be here.
    """

    def __init__(self, app: ASGIApp, *, bytes_max: int, seconds_max: float) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except ChatError as refused:
            await _refuse(refused, scope, receive, send)
            return
        if body is None:
            return
        is_read = False

        async def receive_read() -> Message:
            nonlocal is_read
            if is_read:
                return await receive()
            is_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive_read, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        if _length_of(Headers(scope=scope).get("content-length", "")) > self._bytes_max:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._seconds_max):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self._bytes_max:
                        raise self._too_large()
                    parts.append(part)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise ChatError(
                ErrorCode.BAD_REQUEST,
                f"The body was not here within {self._seconds_max:g} seconds.",
                status=HTTPStatus.REQUEST_TIMEOUT,
            ) from None

    def _too_large(self) -> ChatError:
        return ChatError(ErrorCode.TOO_LARGE, f"A body may have {self._bytes_max} bytes at most.")


def _length_of(declared: str) -> float:
    """Read a `Content-Length`; 0 for what is none, which says nothing of the body."""
    digits = declared.lstrip("0")
    if not digits.isascii() or not digits.isdigit():
        return 0
    # Python refuses to read thousands of digits, zeros included; so many are more than any bound.
    return int(digits) if len(digits) <= _LENGTH_DIGITS_MAX else math.inf


async def _refuse(error: ChatError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that is still being sent, and hang up; the server sees to it that the client can read why."""
    response = problem_response(HTTPConnection(scope), error)
    response.headers["Connection"] = "close"
    await response(scope, receive, send)

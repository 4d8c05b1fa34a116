"""Bodies: nobody makes the server read more than it wants to. The message door is the wire's own frame limit."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.domain.errors import ChatError, ErrorCode
from api.middleware.errors import problem_response


class BodyLimitMiddleware:
    """Read a request's body before its route does, and refuse one that is too large.

    Args:
        bytes_max: what a body may be; the length that a client declares is believed only where it is larger.
    """

    def __init__(self, app: ASGIApp, bytes_max: int) -> None:
        self._app = app
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            refused = ChatError(ErrorCode.TOO_LARGE, f"A body may have {self._bytes_max} bytes at most.")
            await problem_response(HTTPConnection(scope), refused)(scope, receive, send)
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
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self._bytes_max:
            return None
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            part = message.get("body", b"")
            size += len(part)
            if size > self._bytes_max:
                return None
            parts.append(part)
            if not message.get("more_body", False):
                break
        return b"".join(parts)

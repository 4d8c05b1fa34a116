"""Headers of which there is one: whoever stands in front of the server may have looked at the other of two."""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.domain.errors import ChatError, ErrorCode
from api.middleware.errors import problem_response

SINGLE_HEADERS: Final = ("Authorization", "Idempotency-Key")


class SingleHeadersMiddleware:
    """Refuse requests and handshakes that say twice who asks, or what a message is to be known by."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(raw=scope.get("headers", []))
        repeated = next((name for name in SINGLE_HEADERS if len(headers.getlist(name)) > 1), None)
        if repeated is None:
            await self._app(scope, receive, send)
            return
        error = ChatError(ErrorCode.BAD_REQUEST, f"{repeated} must be there once.")
        await problem_response(HTTPConnection(scope), error)(scope, receive, send)

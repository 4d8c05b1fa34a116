"""Methods: what can be read can be asked for without its body, and a path knows all of its methods."""

from collections.abc import Iterable
from typing import Final

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class HeadMiddleware:
    """Answer HEAD as GET (RFC 9110 §9.3.2); the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


def allowed_methods(routes: Iterable[BaseRoute], scope: Scope) -> str:
    """Give the header `Allow` of a path (RFC 9110 §10.2.1): the methods of all its routes, not of the first alone."""
    found = [route for route in routes if route.matches(scope)[0] is not Match.NONE]
    allowed = [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in found)
    ]
    if not allowed:
        allowed = ["GET"]  # below a mount, which has moved the path: files
    return ", ".join([*allowed, *(["HEAD"] if "GET" in allowed else []), "OPTIONS"])

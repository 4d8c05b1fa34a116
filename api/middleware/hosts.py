"""Allowed hosts: an answer for a name that is not ours helps nobody but somebody who rebinds DNS."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.domain.errors import ChatError, ErrorCode
from api.middleware.errors import problem_response

HEALTH_PATHS: Final = frozenset({"/healthz", "/readyz"})


class AllowedHostsMiddleware:
    """Refuse requests and handshakes whose Host is none of ours.

    Args:
        hosts: names, `*.example.org` for all below one; empty: any.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(host for host in hosts if not host.startswith("*."))
        self._suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        # Health is asked by machines of the same network, by address.
        is_open = scope["type"] == "lifespan" or scope["path"] in HEALTH_PATHS
        if is_open or self._is_allowed(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
            return
        refusal = problem_response(
            HTTPConnection(scope), ChatError(ErrorCode.BAD_REQUEST, "This server has another name.")
        )
        await refusal(scope, receive, send)

    def _is_allowed(self, host: str) -> bool:
        if not self._names and not self._suffixes:
            return True
        name = host.lower()
        name = name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
        return name in self._names or name.endswith(self._suffixes)

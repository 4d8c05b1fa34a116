"""Allowed hosts: an answer for a name that is not ours helps nobody but somebody who rebinds DNS.

A Host that two readers could take for different ones is refused whatever is allowed (RFC 9112 §3.2).
"""

import re
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.domain.errors import ChatError, ErrorCode
from api.middleware.errors import problem_response

MACHINE_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(:[0-9]*)?")  # RFC 3986 §3.2.2
_WITHOUT_HOST = "1.0"  # the version of HTTP in which it may be missing


class AllowedHostsMiddleware:
    """Refuse requests and handshakes whose Host is none of ours, or is none at all.

    Args:
        hosts: names, `*.example.org` for all below one; empty: any.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(host for host in hosts if not host.startswith("*."))
        self._suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # These are asked by machines of the same network, by address.
        is_open = scope["type"] == "lifespan" or scope["path"] in MACHINE_PATHS
        if is_open or self._is_allowed(Headers(scope=scope).getlist("host"), scope.get("http_version")):
            await self._app(scope, receive, send)
            return
        refusal = problem_response(
            HTTPConnection(scope), ChatError(ErrorCode.BAD_REQUEST, "This server does not answer to this Host.")
        )
        await refusal(scope, receive, send)

    def _is_allowed(self, hosts: Sequence[str], http_version: str | None) -> bool:
        is_any_let_in = not self._names and not self._suffixes
        if not hosts:
            return is_any_let_in and http_version == _WITHOUT_HOST
        read = _HOST.fullmatch(hosts[0])
        if read is None or len(hosts) > 1:
            return False
        name = read["name"].lower()
        return is_any_let_in or name in self._names or name.endswith(self._suffixes)

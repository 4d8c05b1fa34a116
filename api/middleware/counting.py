"""Counting: which requests there were, how they ended and how long they took; who was refused, and why.

A frame that is refused is counted by its connection: the message door.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.broadcast.stats import OTHER, Latencies, NodeStats

STATUSES: Final = ("2xx", "3xx", "4xx", "5xx")
BOUNDS_MS: Final = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)

_GONE: Final = 499  # the client was gone before any answer


@dataclass(slots=True)
class RouteCounts:
    """What became of the requests for one route."""

    statuses: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    latency: Latencies = field(default_factory=lambda: Latencies(BOUNDS_MS))


class RequestCounts:
    """The requests of each route of the API and method that was asked for; all others are one.

    A client can ask for any path, so only the routes' own templates are kept, never what was asked.
    """

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], RouteCounts] = {}

    def add(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answered request, by the route that the router has put into its scope."""
        counts = self._routes.setdefault(_route_of(scope), RouteCounts())
        counts.statuses[f"{status // 100}xx"] += 1
        counts.latency.observe(seconds)

    def by_route(self) -> Mapping[tuple[str, str], RouteCounts]:
        """Show the counts of each route's template and method."""
        return self._routes


def _route_of(scope: Scope) -> tuple[str, str]:
    route, method = scope.get("route"), scope["method"]
    if method not in (getattr(route, "methods", None) or ()):
        return OTHER, OTHER
    return str(getattr(route, "path", OTHER)), method


class CountingMiddleware:
    """Count each request and each refusal, as it is answered.

    Args:
        requests: counts the requests.
        stats: counts the refusals, of handshakes too; `problem_response` leaves the code in the scope.
    """

    def __init__(self, app: ASGIApp, *, requests: RequestCounts, stats: NodeStats) -> None:
        self._app = app
        self._requests = requests
        self._stats = stats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        is_request = scope["type"] == "http"
        status = _GONE

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                code = scope["state"].get("refusal")
                if code is not None:
                    self._stats.refusals["rest" if is_request else "handshake", code] += 1
            await send(message)

        started_s = time.monotonic()
        try:
            await self._app(scope, receive, send_counted)
        finally:
            if is_request:
                self._requests.add(scope, status, time.monotonic() - started_s)

"""The application: which middleware, handlers and routes there are, and in what order. No logic."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import uuid_utils
from fastapi import FastAPI
from fastapi.responses import Response
from slowapi.errors import RateLimitExceeded
from starlette.requests import HTTPConnection, Request
from starlette.routing import WebSocketRoute

from api.broadcast.stats import NodeStats
from api.middleware.bodies import BodyLimitMiddleware
from api.middleware.context import REQUEST_ID_HEADER, ContextMiddleware
from api.middleware.cors import CorsMiddleware
from api.middleware.counting import CountingMiddleware, RequestCounts
from api.middleware.errors import UnforeseenErrorMiddleware, add_error_handlers, problem_response
from api.middleware.headers import SecurityHeadersMiddleware
from api.middleware.hosts import AllowedHostsMiddleware
from api.middleware.methods import HeadMiddleware
from api.middleware.rate_limit import HandshakeLimits, HttpLimits, MessageLimits
from api.middleware.single_headers import SingleHeadersMiddleware
from api.resources import open_resources
from api.rest import auth, members, messages, metrics, operations, rooms, sessions, socket, users
from api.rest.docs_page import add_docs_page
from api.rest.metric_families import Node
from api.rest.metrics import build_registry
from api.rest.openapi import INFO, add_openapi, openapi_of
from api.services.authentication import Principal
from api.ws.asyncapi.document import SocketLimits
from api.ws.asyncapi.routes import add_socket_docs
from api.ws.deadlines import Pace
from api.ws.endpoint import SocketEndpoint, SocketSettings
from api.ws.slots import ConnectionSlots
from config.settings import Settings

BODY_BYTES_MAX: Final = 65_536
BODY_SECONDS_MAX: Final = 30.0
EXPOSED_HEADERS: Final = (
    REQUEST_ID_HEADER,
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)


def create_app(settings: Settings, *, lines_dropped: Callable[[], int] = lambda: 0) -> FastAPI:
    """Put the application together; nothing is opened before its lifespan begins.

    Args:
        settings: what it goes by.
        lines_dropped: tells how many lines of the log were lost, for `/metrics`.
    """
    stats, requests = NodeStats(), RequestCounts()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with open_resources(settings, stats) as resources:
            node = Node(resources, requests, settings.max_connections, lines_dropped)
            yield {"resources": resources, "metrics": build_registry(node)}

    app = FastAPI(
        **INFO,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    _add_routes(app, settings, stats)
    app.openapi = openapi_of(app)  # type: ignore[method-assign]
    add_error_handlers(app)
    # The last one added is the first one asked.
    app.add_middleware(HeadMiddleware)
    app.add_middleware(BodyLimitMiddleware, bytes_max=BODY_BYTES_MAX, seconds_max=BODY_SECONDS_MAX)
    app.add_middleware(SingleHeadersMiddleware)
    app.add_middleware(AllowedHostsMiddleware, hosts=settings.allowed_hosts)
    app.add_middleware(UnforeseenErrorMiddleware)
    # Around all that refuses: a page may read why.
    app.add_middleware(
        CorsMiddleware,
        allow_origins=list(settings.allowed_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", REQUEST_ID_HEADER],
        expose_headers=EXPOSED_HEADERS,
    )
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(CountingMiddleware, requests=requests, stats=stats)
    app.add_middleware(ContextMiddleware, new_id=_new_id)
    return app


def _add_routes(app: FastAPI, settings: Settings, stats: NodeStats) -> None:
    is_limited = settings.rate_limits_enabled
    http_limits = HttpLimits(settings.rate_limit_rest, is_enabled=is_limited, stats=stats)
    message_limits = MessageLimits(
        messages=settings.rate_limit_messages if is_limited else None,
        history=settings.rate_limit_history if is_limited else None,
        commands=settings.rate_limit_rest if is_limited else None,
        stats=stats,
    )
    slots = ConnectionSlots(total_max=settings.max_connections, per_user_max=settings.max_connections_per_user)
    pace = Pace(
        heartbeat_s=settings.heartbeat_seconds,
        pong_s=settings.pong_seconds,
        stall_s=settings.stall_seconds,
        token_warning_s=settings.token_warning_seconds,
    )
    sockets = SocketEndpoint(
        SocketSettings(
            allowed_origins=settings.allowed_origins,
            outbox_frames=settings.outbox_frames,
            outbox_bytes=settings.outbox_bytes,
            pace=pace,
        ),
        slots=slots,
        handshake_limits=HandshakeLimits(settings.rate_limit_handshake if is_limited else None, stats=stats),
        message_limits=message_limits,
    )

    def check_handshake(connection: HTTPConnection, principal: Principal) -> None:
        sockets.check(connection)
        slots.check(principal.user.id)

    async def too_many_requests(request: Request, error: Exception) -> Response:
        assert isinstance(error, RateLimitExceeded)  # noqa: S101 - the registration below says so
        return problem_response(request, http_limits.refusal(request, error))

    app.state.http_limits = http_limits
    app.include_router(auth.build_router(http_limits))
    app.include_router(sessions.build_router(http_limits))
    app.include_router(users.build_router(http_limits))
    app.include_router(rooms.build_router(http_limits))
    app.include_router(members.build_router(http_limits))
    app.include_router(messages.build_router(http_limits, message_limits))
    app.include_router(socket.build_router(http_limits, check_handshake))
    app.include_router(operations.build_router())
    if settings.metrics_enabled:
        app.include_router(metrics.build_router())
    app.add_exception_handler(RateLimitExceeded, too_many_requests)
    app.router.routes += [
        WebSocketRoute("/v1/ws", sockets.serve),
        WebSocketRoute("/{path:path}", sockets.refuse_elsewhere),
    ]
    if settings.docs_enabled:
        add_openapi(app)
        add_docs_page(app)
        add_socket_docs(
            app,
            SocketLimits(
                pace,
                outbox_frames=settings.outbox_frames,
                outbox_bytes=settings.outbox_bytes,
                connections_per_user=settings.max_connections_per_user,
                messages=message_limits.messages,
            ),
        )


def _new_id() -> str:
    return str(uuid_utils.uuid7())

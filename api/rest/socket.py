"""The way to the socket over HTTP: tickets, and `GET /v1/ws` for who comes without an upgrade.

Sockets are served in `api.ws`.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Security
from fastapi.security import APIKeyHeader, APIKeyQuery
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from api.dependencies import BEARER, AppResources, CurrentPrincipal
from api.domain.errors import ChatError, ErrorCode
from api.middleware.rate_limit import HttpLimits
from api.protocol import examples
from api.protocol.examples import example
from api.rest.json_route import JsonRoute
from api.rest.problems import problems
from api.services.authentication import Principal

# These only say in the document how a handshake shows who it is; `api.ws.handshake` reads it.
_WAYS_IN: Final = (
    Security(BEARER),
    Security(
        APIKeyHeader(
            name="Sec-WebSocket-Protocol",
            scheme_name="subprotocol",
            description="For browsers: `chat.v1, bearer.<access token>`. The server selects `chat.v1`.",
            auto_error=False,
        )
    ),
    Security(
        APIKeyQuery(
            name="ticket",
            scheme_name="ticket",
            description="A ticket of `POST /v1/auth/ws-ticket`, good for one handshake.",
            auto_error=False,
        )
    ),
)


CheckHandshake = Callable[[HTTPConnection, Principal], None]
"""Raises what a WebSocket handshake of this client would be refused with now, if it had a good ticket."""


class Ticket(BaseModel):
    """A ticket for one WebSocket handshake (`?ticket=`)."""

    model_config = example({"ticket": examples.REFRESH_TOKEN, "expires_in": 30})

    ticket: str
    expires_in: int = Field(description="Seconds until it is good for nothing.")


def build_router(limits: HttpLimits, check_handshake: CheckHandshake) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1", tags=["socket"], route_class=JsonRoute)

    async def create_ws_ticket(
        request: Request, resources: AppResources, principal: CurrentPrincipal
    ) -> dict[str, Any]:
        """Get a ticket for browsers that would rather not put their token into a WebSocket subprotocol.

        It is good for one handshake, and for as long as the token that asked for it. Refused with what the handshake
        would be refused with now.
        """
        check_handshake(request, principal)
        ticket = await resources.tickets.issue(principal)
        return {"ticket": ticket, "expires_in": resources.tickets.life_seconds}

    router.post(
        "/auth/ws-ticket",
        operation_id="create_ws_ticket",
        summary="Get a ticket for one WebSocket handshake",
        status_code=201,
        response_model=Ticket,
        response_description="A new ticket.",
        responses=problems(ErrorCode.ORIGIN_NOT_ALLOWED, ErrorCode.CONNECTION_LIMIT),
    )(limits.limit(create_ws_ticket))
    router.get(
        "/ws",
        operation_id="open_socket",
        summary="Open the WebSocket",
        status_code=HTTPStatus.SWITCHING_PROTOCOLS,
        response_description="The socket is open. Its frames are described in [`/asyncapi.json`](/asyncapi.json).",
        dependencies=_WAYS_IN,
        responses=problems(
            ErrorCode.INVALID_TICKET,
            ErrorCode.ORIGIN_NOT_ALLOWED,
            ErrorCode.CONNECTION_LIMIT,
            (HTTPStatus.UPGRADE_REQUIRED, ErrorCode.BAD_REQUEST),
            (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, ErrorCode.TOO_LARGE),
        ),
    )(limits.limit(open_socket))
    return router


async def open_socket(request: Request) -> None:  # noqa: ARG001 - the limiter reads it
    """Upgrade to a WebSocket (RFC 6455, version 13). Everything is checked before: a refusal is a problem document.

    The credential is the first of these that is there: the `Authorization` header, `bearer.<access token>` among the
    subprotocols, the ticket. An `Origin` has to be this host or in the server's list. Subprotocols offered without
    `chat.v1` are 400.
    """
    raise ChatError(
        ErrorCode.BAD_REQUEST,
        "This is where WebSockets open; ask for the upgrade (RFC 6455).",
        status=HTTPStatus.UPGRADE_REQUIRED,
        headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
    )

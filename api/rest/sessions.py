"""`/v1/auth/sessions`: where a user is logged in."""

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.dependencies import AppResources, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.middleware.rate_limit import HttpLimits
from api.protocol import examples
from api.protocol.examples import example
from api.protocol.fields import Id
from api.protocol.objects import Timestamp
from api.protocol.timestamps import rfc3339
from api.rest.json_route import JsonRoute
from api.rest.problems import problems
from api.rest.schemas import SessionId

_SESSION: Final = {
    "id": examples.SESSION_ID,
    "created_at": "2026-11-22T05:00:00.000Z",
    "last_used_at": "2026-11-22T05:12:00.123Z",
    "expires_at": "2026-12-22T05:12:00.123Z",
    "current": True,
    "user_agent": "chat-client/1.0",
}


class Session(BaseModel):
    """One login."""

    model_config = example(_SESSION)

    id: Id
    created_at: Timestamp
    last_used_at: Timestamp = Field(description="Written down once a minute.")
    expires_at: Timestamp = Field(description="When it ends, unless its refresh token is used before.")
    current: bool = Field(description="The one that asks.")
    user_agent: str = Field(description="What logged in, in its own words.")


class SessionList(BaseModel):
    """The live sessions of a user, the one used last first."""

    model_config = example({"items": [_SESSION]})

    items: list[Session]


def build_router(limits: HttpLimits) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1/auth/sessions", tags=["auth"], route_class=JsonRoute)
    router.get(
        "",
        operation_id="list_sessions",
        summary="List the own sessions",
        response_model=SessionList,
        response_description="The live sessions, the one used last first.",
        responses=problems(),
    )(limits.limit(list_sessions))
    router.delete(
        "/{session_id}",
        operation_id="revoke_session",
        summary="End one of the own sessions",
        status_code=204,
        response_description="The session has ended, and its sockets are closed (4500).",
        responses=problems(ErrorCode.NOT_FOUND),
    )(limits.limit(revoke_session))
    return router


async def list_sessions(
    request: Request,  # noqa: ARG001
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """List the own live sessions, each of which is one login."""
    found = await resources.sessions.of_user(principal)
    return {
        "items": [
            {
                "id": session.id,
                "created_at": rfc3339(session.created_at_ms),
                "last_used_at": rfc3339(session.last_used_at_ms),
                "expires_at": rfc3339(session.expires_at_ms),
                "current": session.id == principal.session_id,
                "user_agent": session.user_agent,
            }
            for session in found
        ]
    }


async def revoke_session(
    request: Request,  # noqa: ARG001
    session_id: SessionId,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    """End one of the own sessions, also the one that asks. Not found: somebody else's, or one that has ended."""
    await resources.sessions.revoke(principal, session_id)

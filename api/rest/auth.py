"""`/v1/auth`: signing up, logging in and out, tokens, sessions, tickets."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from api.dependencies import AppResources, ClientAddress, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.middleware.rate_limit import HttpLimits
from api.protocol.fields import DisplayName, Id, NewPassword, Password, Username
from api.protocol.frames import user_object
from api.protocol.objects import Timestamp, User
from api.protocol.timestamps import rfc3339
from api.rest.json_route import JsonRoute
from api.rest.schemas import RequestBody, problems
from api.services import sessions
from api.services.authentication import Principal

CheckHandshake = Callable[[HTTPConnection, Principal], None]
"""Raises what a WebSocket handshake of this client would be refused with now, if it had a good ticket."""


class SignUp(RequestBody):
    """A new account; without a display name the username is shown."""

    username: Username
    password: NewPassword
    display_name: DisplayName | None = None


class LoginForm(RequestBody):
    """The form of the OAuth2 password grant; all but username and password is ignored."""

    username: str
    password: Password
    grant_type: str | None = None
    scope: str | None = None
    client_id: str | None = None
    client_secret: str | None = Field(default=None, repr=False)


class RefreshRequest(RequestBody):
    """A refresh token that has not been used yet."""

    refresh_token: str = Field(repr=False)


class PasswordChange(RequestBody):
    """The password as it is, and as it shall be."""

    current_password: Password
    new_password: NewPassword


class TokenPair(BaseModel):
    """A session's tokens; the lives are in seconds."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class Session(BaseModel):
    """One login; `current`: the one that asks."""

    id: Id
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    current: bool
    user_agent: str


class SessionList(BaseModel):
    """The live sessions of a user, the one used last first."""

    items: list[Session]


class Ticket(BaseModel):
    """A ticket for one WebSocket handshake (`?ticket=`), within so many seconds."""

    ticket: str
    expires_in: int


def build_router(limits: HttpLimits, check_handshake: CheckHandshake) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1/auth", tags=["auth"], route_class=JsonRoute)

    async def create_ws_ticket(
        request: Request, response: Response, resources: AppResources, principal: CurrentPrincipal
    ) -> dict[str, Any]:
        check_handshake(request, principal)
        ticket = await resources.tickets.issue(principal)
        return _not_to_be_kept(response, {"ticket": ticket, "expires_in": resources.tickets.life_seconds})

    router.post(
        "/signup",
        operation_id="sign_up",
        summary="Make an account",
        status_code=201,
        response_model=User,
        responses=problems(ErrorCode.USERNAME_TAKEN, ErrorCode.FORBIDDEN, with_user=False),
    )(limits.limit(sign_up))
    router.post(
        "/login",
        operation_id="log_in",
        summary="Log in with a password",
        response_model=TokenPair,
        responses=problems(
            ErrorCode.INVALID_CREDENTIALS, ErrorCode.ACCOUNT_SUSPENDED, ErrorCode.BAD_REQUEST, with_user=False
        ),
    )(limits.limit(log_in))
    router.post(
        "/refresh",
        operation_id="refresh_tokens",
        summary="Exchange a refresh token for new tokens",
        response_model=TokenPair,
        responses=problems(
            ErrorCode.INVALID_TOKEN,
            ErrorCode.REFRESH_TOKEN_REUSED,
            ErrorCode.ACCOUNT_SUSPENDED,
            with_user=False,
        ),
    )(limits.limit(refresh_tokens))
    router.post(
        "/logout",
        operation_id="log_out",
        summary="End this session",
        status_code=204,
        responses=problems(),
    )(limits.limit(log_out))
    router.post(
        "/password",
        operation_id="change_password",
        summary="Change the password, and end every other session",
        status_code=204,
        responses=problems(with_status={ErrorCode.INVALID_CREDENTIALS: 403}),
    )(limits.limit(change_password))
    router.get(
        "/sessions",
        operation_id="list_sessions",
        summary="List the own sessions",
        response_model=SessionList,
        responses=problems(),
    )(limits.limit(list_sessions))
    router.delete(
        "/sessions/{session_id}",
        operation_id="revoke_session",
        summary="End one of the own sessions",
        status_code=204,
        responses=problems(ErrorCode.NOT_FOUND),
    )(limits.limit(revoke_session))
    router.post(
        "/ws-ticket",
        operation_id="create_ws_ticket",
        summary="Get a ticket for one WebSocket handshake",
        status_code=201,
        response_model=Ticket,
        responses=problems(ErrorCode.ORIGIN_NOT_ALLOWED, ErrorCode.CONNECTION_LIMIT, ErrorCode.DRAINING),
    )(limits.limit(create_ws_ticket))
    return router


async def sign_up(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    body: SignUp,
    resources: AppResources,
    address: ClientAddress,
) -> dict[str, Any]:
    user = await resources.accounts.sign_up(body.username, body.password, body.display_name, address=address)
    return user_object(user)


async def log_in(
    request: Request,
    response: Response,
    form: Annotated[LoginForm, Form()],
    resources: AppResources,
    address: ClientAddress,
) -> dict[str, Any]:
    user_agent = request.headers.get("User-Agent", "")
    pair = await resources.accounts.log_in(form.username, form.password, address=address, user_agent=user_agent)
    return _not_to_be_kept(response, _token_pair(pair))


async def refresh_tokens(
    request: Request,  # noqa: ARG001
    response: Response,
    body: RefreshRequest,
    resources: AppResources,
    address: ClientAddress,
) -> dict[str, Any]:
    pair = await resources.sessions.refresh(body.refresh_token, address=address)
    return _not_to_be_kept(response, _token_pair(pair))


async def log_out(
    request: Request,  # noqa: ARG001
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    await resources.sessions.log_out(principal)


async def change_password(
    request: Request,  # noqa: ARG001
    body: PasswordChange,
    resources: AppResources,
    principal: CurrentPrincipal,
    address: ClientAddress,
) -> None:
    await resources.accounts.change_password(principal, body.current_password, body.new_password, address=address)


async def list_sessions(
    request: Request,  # noqa: ARG001
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
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
    session_id: Id,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    await resources.sessions.revoke(principal, session_id)


def _token_pair(pair: sessions.TokenPair) -> dict[str, Any]:
    return {
        "access_token": pair.access_token,
        "token_type": "bearer",
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh_token,
        "refresh_expires_in": pair.refresh_expires_in,
    }


def _not_to_be_kept(response: Response, body: dict[str, Any]) -> dict[str, Any]:
    # RFC 6749 §5.1: no cache keeps a secret.
    response.headers["Cache-Control"] = "no-store"
    return body

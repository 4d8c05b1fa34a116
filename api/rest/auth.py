"""`/v1/auth`: signing up, logging in and out, tokens, the password."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from api.dependencies import AppResources, ClientAddress, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.middleware.rate_limit import HttpLimits
from api.protocol import examples
from api.protocol.examples import example
from api.protocol.fields import DisplayName, NewPassword, Password, Username
from api.protocol.frames import user_object
from api.protocol.objects import User
from api.rest.json_route import JsonRoute
from api.rest.problems import FOR_ANYONE, WRONG_PASSWORD, problems
from api.rest.schemas import RequestBody
from api.services import sessions


class SignUp(RequestBody):
    """A new account."""

    model_config = example({"username": "ada", "password": examples.PASSWORD, "display_name": "Ada Lovelace"})

    username: Username = Field(description="Unique without regard to case, for ever.")
    password: NewPassword = Field(
        description="At least 12 characters, unless the operators have set another minimum (8 at the least); not the "
        "username, not a common password. Never trimmed."
    )
    display_name: DisplayName | None = Field(default=None, description="What others see; without it, the username.")


class LoginForm(RequestBody):
    """The form of the OAuth2 password grant; its other fields may be there, and are ignored."""

    model_config = example({"username": "ada", "password": examples.PASSWORD})

    username: str = Field(description="In any case.")
    password: Password
    # Not read, so not documented either.
    grant_type: SkipJsonSchema[str | None] = None
    scope: SkipJsonSchema[str | None] = None
    client_id: SkipJsonSchema[str | None] = None
    client_secret: SkipJsonSchema[str | None] = Field(default=None, repr=False)


class RefreshRequest(RequestBody):
    """A refresh token that has not been used yet."""

    model_config = example({"refresh_token": examples.REFRESH_TOKEN})

    refresh_token: str = Field(repr=False)


class PasswordChange(RequestBody):
    """The password as it is, and as it shall be."""

    model_config = example({"current_password": examples.PASSWORD, "new_password": "a longer walk by the sea"})

    current_password: Password
    new_password: NewPassword


class TokenPair(BaseModel):
    """A session's tokens."""

    model_config = example(
        {
            "access_token": examples.ACCESS_TOKEN,
            "token_type": "bearer",
            "expires_in": 900,
            "refresh_token": examples.REFRESH_TOKEN,
            "refresh_expires_in": 2_592_000,
        }
    )

    access_token: str = Field(description="A JWT; there is nothing in it for clients.")
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds that the access token lives.")
    refresh_token: str = Field(description="Good for one exchange; keep it where nobody else reads.")
    refresh_expires_in: int = Field(description="Seconds that the refresh token lives.")


def build_router(limits: HttpLimits) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1/auth", tags=["auth"], route_class=JsonRoute)

    router.post(
        "/signup",
        operation_id="sign_up",
        summary="Make an account",
        status_code=201,
        response_model=User,
        response_description="The account; it is not logged in.",
        responses=problems(ErrorCode.USERNAME_TAKEN, ErrorCode.FORBIDDEN, general=FOR_ANYONE),
    )(limits.limit(sign_up))
    router.post(
        "/login",
        operation_id="log_in",
        summary="Log in with a password",
        response_model=TokenPair,
        response_description="A new session.",
        responses=problems(ErrorCode.INVALID_CREDENTIALS, ErrorCode.ACCOUNT_SUSPENDED, general=FOR_ANYONE),
    )(limits.limit(log_in))
    router.post(
        "/refresh",
        operation_id="refresh_tokens",
        summary="Exchange a refresh token for new tokens",
        response_model=TokenPair,
        response_description="The next pair; the old refresh token is spent.",
        responses=problems(
            ErrorCode.INVALID_TOKEN,
            ErrorCode.REFRESH_TOKEN_REUSED,
            ErrorCode.ACCOUNT_SUSPENDED,
            general=FOR_ANYONE,
        ),
    )(limits.limit(refresh_tokens))
    router.post(
        "/logout",
        operation_id="log_out",
        summary="End this session",
        status_code=204,
        response_description="The session has ended, and its sockets are closed (4500).",
        responses=problems(),
    )(limits.limit(log_out))
    router.post(
        "/password",
        operation_id="change_password",
        summary="Change the password, and end every other session",
        status_code=204,
        response_description="The new password holds, and every other session has ended.",
        responses=problems(WRONG_PASSWORD),
    )(limits.limit(change_password))
    return router


async def sign_up(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    body: SignUp,
    resources: AppResources,
    address: ClientAddress,
) -> dict[str, Any]:
    """Make an account and put it into the default room. It does not log in.

    `forbidden` says that the operators have closed the sign-up.
    """
    user = await resources.accounts.sign_up(body.username, body.password, body.display_name, address=address)
    return user_object(user)


async def log_in(
    request: Request,
    form: Annotated[LoginForm, Form()],
    resources: AppResources,
    address: ClientAddress,
) -> dict[str, Any]:
    """Open a session. This is OAuth2's password grant: a form, to which its other fields may be added.

    An unknown user and a wrong password get the same answer after the same time; `account_suspended` comes only to the
    right password. After too many wrong ones the right one gets 429 as well.
    """
    user_agent = request.headers.get("User-Agent", "")
    pair = await resources.accounts.log_in(form.username, form.password, address=address, user_agent=user_agent)
    return _token_pair(pair)


async def refresh_tokens(
    request: Request,  # noqa: ARG001
    body: RefreshRequest,
    resources: AppResources,
    address: ClientAddress,
) -> dict[str, Any]:
    """Spend a refresh token for a new pair of tokens of the same session.

    If the answer is lost, send the same token again: until its successor has been used, that gives another successor
    and voids the first. After that, or for a void token, the answer is `refresh_token_reused` and the session has
    ended: somebody else has the token.
    """
    pair = await resources.sessions.refresh(body.refresh_token, address=address)
    return _token_pair(pair)


async def log_out(
    request: Request,  # noqa: ARG001
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    """End the session of the token that asks: its tokens are refused from now on, its sockets are closed with 4500."""
    await resources.sessions.log_out(principal)


async def change_password(
    request: Request,  # noqa: ARG001
    body: PasswordChange,
    resources: AppResources,
    principal: CurrentPrincipal,
    address: ClientAddress,
) -> None:
    """Change the password. Every other session of the user ends; this one stays."""
    await resources.accounts.change_password(principal, body.current_password, body.new_password, address=address)


def _token_pair(pair: sessions.TokenPair) -> dict[str, Any]:
    return {
        "access_token": pair.access_token,
        "token_type": "bearer",
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh_token,
        "refresh_expires_in": pair.refresh_expires_in,
    }

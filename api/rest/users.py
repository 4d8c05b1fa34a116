"""`/v1/users`: the own profile, and finding others."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.dependencies import AppResources, ClientAddress, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.middleware.rate_limit import HttpLimits
from api.protocol import examples
from api.protocol.examples import example
from api.protocol.fields import DisplayName, Password
from api.protocol.frames import user_object
from api.protocol.objects import User
from api.rest.json_route import JsonRoute
from api.rest.problems import WRONG_PASSWORD, problems
from api.rest.schemas import RequestBody, UserId


class ProfileChange(RequestBody):
    """How the user is shown from now on."""

    model_config = example({"display_name": "Countess Lovelace"})

    display_name: DisplayName


class AccountDeletion(RequestBody):
    """The password, as proof that the user means it."""

    model_config = example({"password": examples.PASSWORD})

    password: Password


class UserSearch(RequestBody):
    """Whom to find."""

    username: str = Field(description="The whole username, in any case.", examples=["ada"])


class UserList(BaseModel):
    """The user who is called so, or nobody."""

    model_config = example({"items": [examples.USER]})

    items: list[User]


def build_router(limits: HttpLimits) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1/users", tags=["users"], route_class=JsonRoute)
    router.get(
        "/me",
        operation_id="get_me",
        summary="Read the own account",
        response_model=User,
        response_description="The own account.",
        responses=problems(),
    )(limits.limit(get_me))
    router.patch(
        "/me",
        operation_id="update_me",
        summary="Change the own display name",
        response_model=User,
        response_description="The account as it is now.",
        responses=problems(),
    )(limits.limit(update_me))
    router.delete(
        "/me",
        operation_id="delete_me",
        summary="Delete the own account; messages stay, without the name",
        status_code=204,
        response_description="The account is gone, and every session has ended.",
        responses=problems(ErrorCode.LAST_OWNER, WRONG_PASSWORD),
    )(limits.limit(delete_me))
    router.get(
        "/{user_id}",
        operation_id="get_user",
        summary="Read a user",
        response_model=User,
        response_description="The user.",
        responses=problems(ErrorCode.NOT_FOUND),
    )(limits.limit(get_user))
    router.get(
        "",
        operation_id="find_users",
        summary="Find a user by the whole username",
        response_model=UserList,
        response_description="One user, or none.",
        responses=problems(),
    )(limits.limit(find_users))
    return router


async def get_me(request: Request, principal: CurrentPrincipal) -> dict[str, Any]:  # noqa: ARG001 - the limiter's
    """Read the account of the token that asks."""
    return user_object(principal.user)


async def update_me(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    body: ProfileChange,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Change how others see the user; what was written before shows it too. No event tells of it."""
    return user_object(await resources.users.set_display_name(principal, body.display_name))


async def delete_me(
    request: Request,  # noqa: ARG001
    body: AccountDeletion,
    resources: AppResources,
    principal: CurrentPrincipal,
    address: ClientAddress,
) -> None:
    """Delete the own account. Its sessions end, its rooms are left, and its messages stay under `deleted-<8 hex>`.

    The old username stays taken and finds nobody. The last owner of a room has to hand it over or delete it first.
    """
    await resources.accounts.delete(principal, body.password, address=address)


async def get_user(
    request: Request,  # noqa: ARG001
    user_id: UserId,
    resources: AppResources,
    _principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Read any user, also a suspended one, and what is left of a deleted one."""
    return user_object(await resources.users.get(user_id))


async def find_users(
    request: Request,  # noqa: ARG001
    search: Annotated[UserSearch, Query()],
    resources: AppResources,
    _principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Find a user by the whole username. There is no search by a part of it."""
    user = await resources.users.find_by_username(search.username)
    return {"items": [] if user is None else [user_object(user)]}

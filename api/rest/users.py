"""`/v1/users`: the own profile, and finding others."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from api.dependencies import AppResources, ClientAddress, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.middleware.rate_limit import HttpLimits
from api.protocol.fields import DisplayName, Id, Password
from api.protocol.frames import user_object
from api.protocol.objects import User
from api.rest.json_route import JsonRoute
from api.rest.schemas import RequestBody, problems


class ProfileChange(RequestBody):
    """How the user is shown from now on."""

    display_name: DisplayName


class AccountDeletion(RequestBody):
    """The password, as proof that the user means it."""

    password: Password


class UserSearch(RequestBody):
    """The whole username, in any case."""

    username: str


class UserList(BaseModel):
    """The user who is called so, or nobody."""

    items: list[User]


def build_router(limits: HttpLimits) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1/users", tags=["users"], route_class=JsonRoute)
    router.get(
        "/me",
        operation_id="get_me",
        summary="Read the own account",
        response_model=User,
        responses=problems(),
    )(limits.limit(get_me))
    router.patch(
        "/me",
        operation_id="update_me",
        summary="Change the own display name",
        response_model=User,
        responses=problems(),
    )(limits.limit(update_me))
    router.delete(
        "/me",
        operation_id="delete_me",
        summary="Delete the own account; messages stay, without the name",
        status_code=204,
        responses=problems(ErrorCode.LAST_OWNER, with_status={ErrorCode.INVALID_CREDENTIALS: 403}),
    )(limits.limit(delete_me))
    router.get(
        "/{user_id}",
        operation_id="get_user",
        summary="Read a user",
        response_model=User,
        responses=problems(ErrorCode.NOT_FOUND),
    )(limits.limit(get_user))
    router.get(
        "",
        operation_id="find_users",
        summary="Find a user by the whole username",
        response_model=UserList,
        responses=problems(),
    )(limits.limit(find_users))
    return router


async def get_me(request: Request, principal: CurrentPrincipal) -> dict[str, Any]:  # noqa: ARG001 - the limiter's
    return user_object(principal.user)


async def update_me(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    body: ProfileChange,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    return user_object(await resources.users.set_display_name(principal, body.display_name))


async def delete_me(
    request: Request,  # noqa: ARG001
    body: AccountDeletion,
    resources: AppResources,
    principal: CurrentPrincipal,
    address: ClientAddress,
) -> None:
    await resources.accounts.delete(principal, body.password, address=address)


async def get_user(
    request: Request,  # noqa: ARG001
    user_id: Id,
    resources: AppResources,
    _principal: CurrentPrincipal,
) -> dict[str, Any]:
    return user_object(await resources.users.get(user_id))


async def find_users(
    request: Request,  # noqa: ARG001
    search: Annotated[UserSearch, Query()],
    resources: AppResources,
    _principal: CurrentPrincipal,
) -> dict[str, Any]:
    user = await resources.users.find_by_username(search.username)
    return {"items": [] if user is None else [user_object(user)]}

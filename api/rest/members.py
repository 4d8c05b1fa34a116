"""`/v1/rooms/{room_id}/members` and `/bans`: who is in a room, and who may not be."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.dependencies import AppResources, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.domain.models import Role
from api.middleware.rate_limit import HttpLimits
from api.protocol.fields import Id, Note
from api.protocol.frames import ban_object, member_object
from api.protocol.objects import Ban, Member
from api.rest.json_route import JsonRoute
from api.rest.pages import Page, page_of
from api.rest.schemas import RequestBody, problems

_IN_ROOM = (ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN, ErrorCode.BANNED)


class MemberPage(BaseModel):
    """Members in the order of their accounts."""

    items: list[Member]
    next_cursor: str | None


class MemberChange(RequestBody):
    """The role to have; without one a new member is `member`, and a present one keeps his."""

    role: Role | None = None


class BanPage(BaseModel):
    """Bans in the order of the banned accounts."""

    items: list[Ban]
    next_cursor: str | None


class NewBan(RequestBody):
    """Why."""

    reason: Note = ""


def build_router(limits: HttpLimits) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1/rooms/{room_id}", tags=["members"], route_class=JsonRoute)
    router.get(
        "/members",
        operation_id="list_members",
        summary="List a room's members",
        response_model=MemberPage,
        responses=problems(*_IN_ROOM),
    )(limits.limit(list_members))
    router.put(
        "/members/{user_id}",
        operation_id="put_member",
        summary="Join, add somebody, or change a role",
        response_model=Member,
        responses=problems(*_IN_ROOM, ErrorCode.LAST_OWNER, ErrorCode.TOO_MANY_ROOMS),
    )(limits.limit(put_member))
    router.delete(
        "/members/{user_id}",
        operation_id="remove_member",
        summary="Leave, or take somebody out",
        status_code=204,
        responses=problems(*_IN_ROOM, ErrorCode.LAST_OWNER),
    )(limits.limit(remove_member))
    router.get(
        "/bans",
        operation_id="list_bans",
        summary="List a room's bans",
        response_model=BanPage,
        responses=problems(*_IN_ROOM),
    )(limits.limit(list_bans))
    router.put(
        "/bans/{user_id}",
        operation_id="ban_user",
        summary="Take somebody out and keep him out",
        status_code=204,
        responses=problems(*_IN_ROOM, ErrorCode.LAST_OWNER),
    )(limits.limit(ban_user))
    router.delete(
        "/bans/{user_id}",
        operation_id="unban_user",
        summary="Let somebody join again",
        status_code=204,
        responses=problems(*_IN_ROOM),
    )(limits.limit(unban_user))
    return router


async def list_members(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    room_id: Id,
    page: Page,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    found = await resources.members.page(principal.user, room_id, after_id=page.cursor, limit=page.limit + 1)
    return page_of(found, page.limit, id_of=lambda member: member.user.id, as_object=member_object)


async def put_member(  # noqa: PLR0917 - the path, the body, and who asks
    request: Request,  # noqa: ARG001
    room_id: Id,
    user_id: Id,
    resources: AppResources,
    principal: CurrentPrincipal,
    body: MemberChange | None = None,
) -> dict[str, Any]:
    role = None if body is None else body.role
    return member_object(await resources.members.put(principal.user, room_id, user_id, role))


async def remove_member(
    request: Request,  # noqa: ARG001
    room_id: Id,
    user_id: Id,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    await resources.members.remove(principal.user, room_id, user_id)


async def list_bans(
    request: Request,  # noqa: ARG001
    room_id: Id,
    page: Page,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    found = await resources.members.bans(principal.user, room_id, after_id=page.cursor, limit=page.limit + 1)
    return page_of(found, page.limit, id_of=lambda ban: ban.user.id, as_object=ban_object)


async def ban_user(  # noqa: PLR0917 - the path, the body, and who asks
    request: Request,  # noqa: ARG001
    room_id: Id,
    user_id: Id,
    resources: AppResources,
    principal: CurrentPrincipal,
    body: NewBan | None = None,
) -> None:
    await resources.members.ban(principal.user, room_id, user_id, reason="" if body is None else body.reason)


async def unban_user(
    request: Request,  # noqa: ARG001
    room_id: Id,
    user_id: Id,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    await resources.members.unban(principal.user, room_id, user_id)

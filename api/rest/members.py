"""`/v1/rooms/{room_id}/members` and `/bans`: who is in a room, and who may not be."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.dependencies import AppResources, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.domain.models import Role
from api.middleware.rate_limit import HttpLimits
from api.protocol import examples
from api.protocol.examples import example
from api.protocol.fields import Note
from api.protocol.frames import ban_object, member_object
from api.protocol.objects import Ban, Member
from api.rest.json_route import JsonRoute
from api.rest.pages import NextCursor, Page, page_of
from api.rest.problems import IN_ROOM, problems
from api.rest.schemas import RequestBody, RoomId, UserId


class MemberPage(BaseModel):
    """Members in the order of their accounts."""

    model_config = example({"items": [examples.MEMBER], "next_cursor": None})

    items: list[Member]
    next_cursor: NextCursor


class MemberChange(RequestBody):
    """The role to have."""

    model_config = example({"role": "moderator"})

    role: Role | None = Field(
        default=None, description="Without one, a new member is a `member` and a present one keeps the role."
    )


class BanPage(BaseModel):
    """Bans in the order of the banned accounts."""

    model_config = example({"items": [examples.BAN], "next_cursor": None})

    items: list[Ban]
    next_cursor: NextCursor


class NewBan(RequestBody):
    """Why."""

    model_config = example({"reason": "Drank all the tea"})

    reason: Note = ""


def build_router(limits: HttpLimits) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1/rooms/{room_id}", tags=["members"], route_class=JsonRoute)
    router.get(
        "/members",
        operation_id="list_members",
        summary="List a room's members",
        response_model=MemberPage,
        response_description="A page of members.",
        responses=problems(*IN_ROOM),
    )(limits.limit(list_members))
    router.put(
        "/members/{user_id}",
        operation_id="put_member",
        summary="Join, add somebody, or change a role",
        response_model=Member,
        response_description="The member as it is now.",
        responses=problems(*IN_ROOM, ErrorCode.LAST_OWNER, ErrorCode.TOO_MANY_ROOMS),
    )(limits.limit(put_member))
    router.delete(
        "/members/{user_id}",
        operation_id="remove_member",
        summary="Leave, or take somebody out",
        status_code=204,
        response_description="The user is no member any more.",
        responses=problems(*IN_ROOM, ErrorCode.LAST_OWNER),
    )(limits.limit(remove_member))
    router.get(
        "/bans",
        operation_id="list_bans",
        summary="List a room's bans",
        response_model=BanPage,
        response_description="A page of bans.",
        responses=problems(*IN_ROOM),
    )(limits.limit(list_bans))
    router.put(
        "/bans/{user_id}",
        operation_id="ban_user",
        summary="Take somebody out and keep them out",
        status_code=204,
        response_description="The user is banned.",
        responses=problems(*IN_ROOM, ErrorCode.LAST_OWNER),
    )(limits.limit(ban_user))
    router.delete(
        "/bans/{user_id}",
        operation_id="unban_user",
        summary="Let somebody join again",
        status_code=204,
        response_description="The user is not banned.",
        responses=problems(*IN_ROOM),
    )(limits.limit(unban_user))
    return router


async def list_members(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    room_id: RoomId,
    page: Page,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Read who is in a room and with which role, as one of its members."""
    found = await resources.members.page(principal.user, room_id, after_id=page.cursor, limit=page.limit + 1)
    return page_of(found, page.limit, id_of=lambda member: member.user.id, as_object=member_object)


async def put_member(  # noqa: PLR0917 - the path, the body, and who asks
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    user_id: UserId,
    resources: AppResources,
    principal: CurrentPrincipal,
    body: MemberChange | None = None,
) -> dict[str, Any]:
    """Join a public room, add somebody, or change a role; what is so already succeeds and makes no event.

    Anybody may join a public room. Owners and moderators add others as `member`. Owners give roles; anybody may take a
    lower one. `last_owner`: the only owner cannot step down. `too_many_rooms`: the user is in 200 rooms.
    """
    role = None if body is None else body.role
    return member_object(await resources.members.put(principal.user, room_id, user_id, role))


async def remove_member(
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    user_id: UserId,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    """Leave a room, or take somebody out of it whose role is lower than one's own; owners also owners.

    Not found: who is no member. The default room cannot be left (`forbidden`), nor the room of which one is the only
    owner (`last_owner`).
    """
    await resources.members.remove(principal.user, room_id, user_id)


async def list_bans(
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    page: Page,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Read who is banned, as an owner or a moderator."""
    found = await resources.members.bans(principal.user, room_id, after_id=page.cursor, limit=page.limit + 1)
    return page_of(found, page.limit, id_of=lambda ban: ban.user.id, as_object=ban_object)


async def ban_user(  # noqa: PLR0917 - the path, the body, and who asks
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    user_id: UserId,
    resources: AppResources,
    principal: CurrentPrincipal,
    body: NewBan | None = None,
) -> None:
    """Take somebody out of a room and keep them out, as an owner or a moderator; also who is not in it.

    Nobody bans themselves, nor somebody whose role is not below their own; owners also owners.
    """
    await resources.members.ban(principal.user, room_id, user_id, reason="" if body is None else body.reason)


async def unban_user(
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    user_id: UserId,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    """Lift a ban, as an owner or a moderator. The user may join again, and is not in the room by it."""
    await resources.members.unban(principal.user, room_id, user_id)

"""`/v1/rooms`: find, make, change and delete rooms."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from api.dependencies import AppResources, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.domain.models import Visibility
from api.middleware.rate_limit import HttpLimits
from api.protocol.fields import Id, Note, RoomName
from api.protocol.frames import room_object
from api.protocol.objects import Room
from api.rest.json_route import JsonRoute
from api.rest.pages import PageQuery, page_of
from api.rest.schemas import RequestBody, problems


class RoomQuery(PageQuery):
    """Which rooms: the own ones, or all public ones."""

    scope: Literal["joined", "public"] = "joined"


class RoomPage(BaseModel):
    """Rooms in the order of their making."""

    items: list[Room]
    next_cursor: str | None


class NewRoom(RequestBody):
    """A room to be; the name of a public one is unique, whatever its case."""

    name: RoomName
    topic: Note = ""
    visibility: Visibility


class RoomChange(RequestBody):
    """What shall be another; what is absent stays."""

    name: RoomName | None = None
    topic: Note | None = None


def build_router(limits: HttpLimits) -> APIRouter:
    """Build the routes, counted by these limits."""
    router = APIRouter(prefix="/v1/rooms", tags=["rooms"], route_class=JsonRoute)
    router.get(
        "",
        operation_id="list_rooms",
        summary="List the own rooms, or the public ones",
        response_model=RoomPage,
        responses=problems(),
    )(limits.limit(list_rooms))
    router.post(
        "",
        operation_id="create_room",
        summary="Make a room and own it",
        status_code=201,
        response_model=Room,
        responses=problems(ErrorCode.ROOM_NAME_TAKEN, ErrorCode.TOO_MANY_ROOMS),
    )(limits.limit(create_room))
    router.get(
        "/{room_id}",
        operation_id="get_room",
        summary="Read a room",
        response_model=Room,
        responses=problems(ErrorCode.NOT_FOUND),
    )(limits.limit(get_room))
    router.patch(
        "/{room_id}",
        operation_id="update_room",
        summary="Change a room's name or topic",
        response_model=Room,
        responses=problems(ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN, ErrorCode.BANNED, ErrorCode.ROOM_NAME_TAKEN),
    )(limits.limit(update_room))
    router.delete(
        "/{room_id}",
        operation_id="delete_room",
        summary="Delete a room for everyone",
        status_code=204,
        responses=problems(ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN, ErrorCode.BANNED),
    )(limits.limit(delete_room))
    return router


async def list_rooms(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    query: Annotated[RoomQuery, Query()],
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    find = resources.rooms.joined if query.scope == "joined" else resources.rooms.public
    found = await find(principal.user, after_id=query.cursor, limit=query.limit + 1)
    return page_of(found, query.limit, id_of=lambda room: room.id, as_object=room_object)


async def create_room(
    request: Request,  # noqa: ARG001
    body: NewRoom,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    return room_object(
        await resources.rooms.create(principal.user, name=body.name, topic=body.topic, visibility=body.visibility)
    )


async def get_room(
    request: Request,  # noqa: ARG001
    room_id: Id,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    return room_object(await resources.rooms.find(principal.user, room_id))


async def update_room(
    request: Request,  # noqa: ARG001
    room_id: Id,
    body: RoomChange,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    return room_object(await resources.rooms.update(principal.user, room_id, name=body.name, topic=body.topic))


async def delete_room(
    request: Request,  # noqa: ARG001
    room_id: Id,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    await resources.rooms.delete(principal.user, room_id)

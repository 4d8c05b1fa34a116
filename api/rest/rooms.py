"""`/v1/rooms`: find, make, change and delete rooms."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.dependencies import AppResources, CurrentPrincipal
from api.domain.errors import ErrorCode
from api.domain.models import Visibility
from api.middleware.rate_limit import HttpLimits
from api.protocol import examples
from api.protocol.examples import example
from api.protocol.fields import Note, RoomName
from api.protocol.frames import room_object
from api.protocol.objects import Room
from api.rest.json_route import JsonRoute
from api.rest.pages import NextCursor, PageQuery, page_of
from api.rest.problems import IN_ROOM, problems
from api.rest.schemas import RequestBody, RoomId


class RoomQuery(PageQuery):
    """Which rooms."""

    scope: Literal["joined", "public"] = Field(
        default="joined", description="The rooms one is in, or all public ones, also those one is in or banned from."
    )


class RoomPage(BaseModel):
    """Rooms in the order of their making."""

    model_config = example({"items": [examples.ROOM], "next_cursor": examples.CURSOR})

    items: list[Room]
    next_cursor: NextCursor


class NewRoom(RequestBody):
    """A room to be."""

    model_config = example({"name": "Tea", "topic": "Leaves, no bags", "visibility": "public"})

    name: RoomName = Field(description="That of a public room is unique among living rooms, without regard to case.")
    topic: Note = ""
    visibility: Visibility = Field(description="It never changes.")


class RoomChange(RequestBody):
    """What shall be another; what is absent or null stays."""

    model_config = example({"topic": "Leaves, and a biscuit"})

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
        response_description="A page of rooms, in the order of their making.",
        responses=problems(),
    )(limits.limit(list_rooms))
    router.post(
        "",
        operation_id="create_room",
        summary="Make a room and own it",
        status_code=201,
        response_model=Room,
        response_description="The new room.",
        responses=problems(ErrorCode.ROOM_NAME_TAKEN, ErrorCode.TOO_MANY_ROOMS),
    )(limits.limit(create_room))
    router.get(
        "/{room_id}",
        operation_id="get_room",
        summary="Read a room",
        response_model=Room,
        response_description="The room; `me` is null for who is no member.",
        responses=problems(ErrorCode.NOT_FOUND),
    )(limits.limit(get_room))
    router.patch(
        "/{room_id}",
        operation_id="update_room",
        summary="Change a room's name or topic",
        response_model=Room,
        response_description="The room as it is now.",
        responses=problems(*IN_ROOM, ErrorCode.ROOM_NAME_TAKEN),
    )(limits.limit(update_room))
    router.delete(
        "/{room_id}",
        operation_id="delete_room",
        summary="Delete a room for everyone",
        status_code=204,
        response_description="The room is gone; all below it is 404 from now on.",
        responses=problems(*IN_ROOM),
    )(limits.limit(delete_room))
    return router


async def list_rooms(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    query: Annotated[RoomQuery, Query()],
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """List the rooms one is in, or with `scope=public` those that anybody may join."""
    find = resources.rooms.joined if query.scope == "joined" else resources.rooms.public
    found = await find(principal.user, after_id=query.cursor, limit=query.limit + 1)
    return page_of(found, query.limit, id_of=lambda room: room.id, as_object=room_object)


async def create_room(
    request: Request,  # noqa: ARG001
    body: NewRoom,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Make a room. Whoever makes it owns it, and is its first member."""
    return room_object(
        await resources.rooms.create(principal.user, name=body.name, topic=body.topic, visibility=body.visibility)
    )


async def get_room(
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Read a room: as its member, or, if it is public, as anybody."""
    return room_object(await resources.rooms.find(principal.user, room_id))


async def update_room(
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    body: RoomChange,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Change a room's name or topic, as its owner or a moderator. What is so already makes no event."""
    return room_object(await resources.rooms.update(principal.user, room_id, name=body.name, topic=body.topic))


async def delete_room(
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    """Delete a room, as its owner: for ever and for everybody. The default room cannot be deleted (`forbidden`)."""
    await resources.rooms.delete(principal.user, room_id)

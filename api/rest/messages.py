"""`/v1/rooms/{room_id}/messages`, `/events`, `/read`, and `/v1/messages`: what is in a room's log."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Strict

from api.dependencies import AppResources, CurrentPrincipal, client_address
from api.domain.errors import ChatError, ErrorCode, FieldError, invalid
from api.middleware.rate_limit import HttpLimits, MessageLimits
from api.protocol.events import EventPage
from api.protocol.fields import PAGE_LIMIT_DEFAULT, Body, Epoch, Id, IdempotencyKey, PageLimit, Seq
from api.protocol.frames import event_object, message_object
from api.protocol.objects import Message
from api.rest.json_route import JsonRoute
from api.rest.schemas import RequestBody, problems

_IN_ROOM = (ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN, ErrorCode.BANNED)


class NewMessage(RequestBody):
    """A message to be: 1-4,000 characters."""

    body: Body


class ReadMark(RequestBody):
    """The `seq` up to which everything is read."""

    seq: Annotated[Seq, Strict()]


class MessageQuery(RequestBody):
    """Which messages: the newest, the nearest below `before_seq`, or the nearest above `after_seq`."""

    before_seq: Seq | None = None
    after_seq: Seq | None = None
    limit: PageLimit = PAGE_LIMIT_DEFAULT


class MessagePage(BaseModel):
    """Messages with the oldest first; `has_more`: there are more in the direction that was asked for."""

    items: list[Message]
    has_more: bool


class EventQuery(RequestBody):
    """From where on; the epoch that the caller's copy of the room is of."""

    after_seq: Seq = 0
    epoch: Epoch | None = None
    limit: PageLimit = PAGE_LIMIT_DEFAULT


def build_router(limits: HttpLimits, message_limits: MessageLimits) -> APIRouter:
    """Build the routes, counted by these limits; what changes messages counts like the commands of sockets."""
    router = APIRouter(prefix="/v1", tags=["messages"], route_class=JsonRoute)

    async def send_message(  # noqa: PLR0917 - the path, the body, and who asks
        request: Request,
        response: Response,
        room_id: Id,
        body: NewMessage,
        resources: AppResources,
        principal: CurrentPrincipal,
        idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
    ) -> dict[str, Any]:
        message_limits.check("messages", principal.user.id, client_address(request))
        message, is_duplicate = await resources.messages.post(principal.user, room_id, body.body, idempotency_key)
        response.status_code = 200 if is_duplicate else 201
        return message_object(message)

    async def edit_message(
        request: Request,
        message_id: Id,
        body: NewMessage,
        resources: AppResources,
        principal: CurrentPrincipal,
    ) -> dict[str, Any]:
        message_limits.check("messages", principal.user.id, client_address(request))
        return message_object(await resources.messages.edit(principal.user, message_id, body.body))

    async def delete_message(
        request: Request,
        message_id: Id,
        resources: AppResources,
        principal: CurrentPrincipal,
    ) -> None:
        message_limits.check("messages", principal.user.id, client_address(request))
        await resources.messages.delete(principal.user, message_id)

    router.post(
        "/rooms/{room_id}/messages",
        operation_id="send_message",
        summary="Send a message",
        status_code=201,
        response_model=Message,
        responses={
            200: {"model": Message, "description": "The key was known: the message that the first request made"},
            **problems(*_IN_ROOM, ErrorCode.IDEMPOTENCY_CONFLICT),
        },
    )(limits.limit(send_message))
    router.get(
        "/rooms/{room_id}/messages",
        operation_id="list_messages",
        summary="Read messages",
        response_model=MessagePage,
        responses=problems(*_IN_ROOM),
    )(limits.limit(list_messages))
    router.get(
        "/rooms/{room_id}/events",
        operation_id="list_events",
        summary="Read a room's log",
        response_model=EventPage,
        responses=problems(*_IN_ROOM, ErrorCode.RESYNC_REQUIRED),
    )(limits.limit(list_events))
    router.put(
        "/rooms/{room_id}/read",
        operation_id="mark_read",
        summary="Say how far one has read",
        status_code=204,
        responses=problems(*_IN_ROOM),
    )(limits.limit(mark_read))
    router.patch(
        "/messages/{message_id}",
        operation_id="edit_message",
        summary="Give one's own message another body",
        response_model=Message,
        responses=problems(*_IN_ROOM),
    )(limits.limit(edit_message))
    router.delete(
        "/messages/{message_id}",
        operation_id="delete_message",
        summary="Scrub a message's text; its place stays",
        status_code=204,
        responses=problems(*_IN_ROOM),
    )(limits.limit(delete_message))
    return router


async def list_messages(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    room_id: Id,
    query: Annotated[MessageQuery, Query()],
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    if query.before_seq is not None and query.after_seq is not None:
        raise invalid(["query", "after_seq"], "goes with no before_seq")
    page = await resources.messages.page(
        principal.user, room_id, before_seq=query.before_seq, after_seq=query.after_seq, limit=query.limit
    )
    return {"items": [message_object(message) for message in page.items], "has_more": page.has_more}


async def list_events(
    request: Request,  # noqa: ARG001
    room_id: Id,
    query: Annotated[EventQuery, Query()],
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    page = await resources.messages.events(
        principal.user, room_id, after_seq=query.after_seq, epoch=query.epoch, limit=query.limit
    )
    return {
        "items": [event_object(event) for event in page.items],
        "last_seq": page.last_seq,
        "epoch": page.epoch,
        "has_more": page.has_more,
    }


async def mark_read(
    request: Request,  # noqa: ARG001
    room_id: Id,
    body: ReadMark,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    try:
        await resources.messages.mark_read(principal.user, room_id, body.seq, None)
    except ChatError as error:
        # The service names the field as a socket's frame has it; here it stands in the body.
        error.errors = [FieldError(loc=["body", *e["loc"]], msg=e["msg"], type=e["type"]) for e in error.errors]
        raise

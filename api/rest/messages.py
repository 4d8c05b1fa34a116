"""`/v1/rooms/{room_id}/messages`, `/events`, `/read`, and `/v1/messages`: what is in a room's log."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field, Strict

from api.dependencies import AppResources, CurrentPrincipal, client_address
from api.domain.errors import ChatError, ErrorCode, FieldError, invalid
from api.middleware.rate_limit import HttpLimits, MessageLimits
from api.protocol import examples
from api.protocol.events import EventPage
from api.protocol.examples import example
from api.protocol.fields import PAGE_LIMIT_DEFAULT, Body, Epoch, IdempotencyKey, PageLimit, Seq
from api.protocol.frames import event_object, message_object
from api.protocol.objects import Message
from api.rest.json_route import JsonRoute
from api.rest.problems import IN_ROOM, problems
from api.rest.schemas import MessageId, RequestBody, RoomId, may_be_absent

_KEY_HEADER = Header(
    alias="Idempotency-Key",
    description="Unique per user for ever; one for each message.",
    examples=[examples.KEY],
    json_schema_extra=may_be_absent,
)
_EVENT_PAGE = {
    "items": [
        {
            "type": "message.created",
            "room_id": examples.ROOM_ID,
            "seq": 17,
            "at": "2026-11-22T05:12:00.123Z",
            "actor": examples.ADA,
            "message": examples.MESSAGE,
        }
    ],
    "last_seq": 17,
    "epoch": examples.EPOCH,
    "has_more": False,
}


class NewMessage(RequestBody):
    """A message to be."""

    model_config = example({"body": examples.MESSAGE_BODY})

    body: Body


class ReadMark(RequestBody):
    """How far one has read."""

    model_config = example({"seq": 1})

    seq: Annotated[Seq, Strict()] = Field(description="Everything up to this is read; not above the room's `last_seq`.")


class MessageQuery(RequestBody):
    """Which messages: without a bound the newest."""

    before_seq: Seq | None = Field(
        default=None, description="The nearest below; not with `after_seq`.", json_schema_extra=may_be_absent
    )
    after_seq: Seq | None = Field(
        default=None, description="The nearest above; not with `before_seq`.", json_schema_extra=may_be_absent
    )
    limit: PageLimit = Field(default=PAGE_LIMIT_DEFAULT, description="How many messages at most.")


class MessagePage(BaseModel):
    """Messages with the oldest first."""

    model_config = example({"items": [examples.MESSAGE], "has_more": False})

    items: list[Message]
    has_more: bool = Field(description="There are more in the direction that was asked for; go by this.")


class EventQuery(RequestBody):
    """From where on."""

    after_seq: Seq = Field(default=0, description="The `seq` of the last event one has.")
    epoch: Epoch | None = Field(
        default=None,
        description="The epoch that one's copy of the room is of.",
        examples=[examples.EPOCH],
        json_schema_extra=may_be_absent,
    )
    limit: PageLimit = Field(default=PAGE_LIMIT_DEFAULT, description="How many events at most.")


def build_router(limits: HttpLimits, message_limits: MessageLimits) -> APIRouter:
    """Build the routes, counted by these limits; what changes messages counts like the commands of sockets."""
    router = APIRouter(prefix="/v1", tags=["messages"], route_class=JsonRoute)

    async def send_message(  # noqa: PLR0917 - the path, the body, and who asks
        request: Request,
        response: Response,
        room_id: RoomId,
        body: NewMessage,
        resources: AppResources,
        principal: CurrentPrincipal,
        idempotency_key: Annotated[IdempotencyKey | None, _KEY_HEADER] = None,
    ) -> dict[str, Any]:
        """Send a message to a room one is a member of.

        Use a key whenever you might send again: the same key with the same room and body gives the first message and
        makes no second one, whenever and whichever way it comes; with anything else it is `idempotency_conflict`.
        """
        message_limits.check("messages", principal.user.id, client_address(request))
        message, is_duplicate = await resources.messages.post(principal.user, room_id, body.body, idempotency_key)
        response.status_code = 200 if is_duplicate else 201
        return message_object(message)

    async def edit_message(
        request: Request,
        message_id: MessageId,
        body: NewMessage,
        resources: AppResources,
        principal: CurrentPrincipal,
    ) -> dict[str, Any]:
        """Give a message another body, as its author and a member of the room. A deleted one is not found.

        The same body again succeeds and makes no event.
        """
        message_limits.check("messages", principal.user.id, client_address(request))
        return message_object(await resources.messages.edit(principal.user, message_id, body.body))

    async def delete_message(
        request: Request,
        message_id: MessageId,
        resources: AppResources,
        principal: CurrentPrincipal,
    ) -> None:
        """Delete a message, as its author, an owner or a moderator. Its text can be read nowhere any more.

        It keeps its place in the log. Deleting it again succeeds and makes no event.
        """
        message_limits.check("messages", principal.user.id, client_address(request))
        await resources.messages.delete(principal.user, message_id)

    router.post(
        "/rooms/{room_id}/messages",
        operation_id="send_message",
        summary="Send a message",
        status_code=201,
        response_model=Message,
        response_description="The new message.",
        responses={
            200: {"model": Message, "description": "The key was known: the message that the first request made."},
            **problems(*IN_ROOM, ErrorCode.IDEMPOTENCY_CONFLICT),
        },
    )(limits.limit(send_message))
    router.get(
        "/rooms/{room_id}/messages",
        operation_id="list_messages",
        summary="Read messages",
        response_model=MessagePage,
        response_description="A page of messages.",
        responses=problems(*IN_ROOM),
    )(limits.limit(list_messages))
    router.get(
        "/rooms/{room_id}/events",
        operation_id="list_events",
        summary="Read a room's log",
        response_model=EventPage,
        response_description="A page of the log.",
        responses={
            200: {"content": {"application/json": {"example": _EVENT_PAGE}}},
            **problems(*IN_ROOM, ErrorCode.RESYNC_REQUIRED),
        },
    )(limits.limit(list_events))
    router.put(
        "/rooms/{room_id}/read",
        operation_id="mark_read",
        summary="Say how far one has read",
        status_code=204,
        response_description="The mark is there, or further up.",
        responses=problems(*IN_ROOM),
    )(limits.limit(mark_read))
    router.patch(
        "/messages/{message_id}",
        operation_id="edit_message",
        summary="Give one's own message another body",
        response_model=Message,
        response_description="The message as it is now.",
        responses=problems(*IN_ROOM),
    )(limits.limit(edit_message))
    router.delete(
        "/messages/{message_id}",
        operation_id="delete_message",
        summary="Scrub a message's text; its place stays",
        status_code=204,
        response_description="The text is gone.",
        responses=problems(*IN_ROOM),
    )(limits.limit(delete_message))
    return router


async def list_messages(
    request: Request,  # noqa: ARG001 - the limiter reads it, here and below
    room_id: RoomId,
    query: Annotated[MessageQuery, Query()],
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Read a room's messages, as a member, also those from before one joined.

    A page also ends once its items have reached 256 KiB of JSON, so it can be shorter than `limit`.
    """
    if query.before_seq is not None and query.after_seq is not None:
        raise invalid(["query", "after_seq"], "goes with no before_seq")
    page = await resources.messages.page(
        principal.user, room_id, before_seq=query.before_seq, after_seq=query.after_seq, limit=query.limit
    )
    return {"items": [message_object(message) for message in page.items], "has_more": page.has_more}


async def list_events(
    request: Request,  # noqa: ARG001
    room_id: RoomId,
    query: Annotated[EventQuery, Query()],
    resources: AppResources,
    principal: CurrentPrincipal,
) -> dict[str, Any]:
    """Read the room's log above `after_seq`, as a member: all of it is there, without a gap.

    Messages are as they are now. `resync_required`: the log is another one than yours, or shorter; load it anew.
    """
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
    room_id: RoomId,
    body: ReadMark,
    resources: AppResources,
    principal: CurrentPrincipal,
) -> None:
    """Move one's read mark up. It never goes back; a lower one succeeds and changes nothing."""
    try:
        await resources.messages.mark_read(principal.user, room_id, body.seq, None)
    except ChatError as error:
        # The service names the field as a socket's frame has it; here it stands in the body.
        error.errors = [FieldError(loc=["body", *e["loc"]], msg=e["msg"], type=e["type"]) for e in error.errors]
        raise

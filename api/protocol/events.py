"""What the events of a room's log look like on the wire: one model each; `api.protocol.frames` writes them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.protocol.fields import Id
from api.protocol.objects import Message, RoomInfo, RoomRole, Timestamp, UserRef


class BaseEvent(BaseModel):
    """What every event has."""

    type: str
    room_id: Id
    seq: int = Field(ge=1, description="The event's place in the room's log: 1, 2, 3 … without a gap.")
    at: Timestamp
    actor: UserRef | None = Field(description="Who did it; null where the server did.")


class RoomCreated(BaseEvent):
    """The room was made, and its actor owns it. Always `seq` 1; the default room's `actor` is null."""

    type: Literal["room.created"]
    room: RoomInfo


class RoomUpdated(BaseEvent):
    """The room has another name or topic."""

    type: Literal["room.updated"]
    room: RoomInfo


class RoomDeleted(BaseEvent):
    """The room is gone, for ever and for everybody. The last event of its log; `room.left` follows."""

    type: Literal["room.deleted"]


class MemberJoined(BaseEvent):
    """Somebody joined (`actor` is the user), or was added by the actor."""

    type: Literal["member.joined"]
    user: UserRef
    role: RoomRole


class MemberLeft(BaseEvent):
    """A member left by themselves, or deleted the account."""

    type: Literal["member.left"]
    user: UserRef


class MemberRemoved(BaseEvent):
    """A member was removed by the actor."""

    type: Literal["member.removed"]
    user: UserRef


class MemberBanned(BaseEvent):
    """The actor banned somebody: a member was taken out, who was none stays out."""

    type: Literal["member.banned"]
    user: UserRef


class MemberUnbanned(BaseEvent):
    """A ban was lifted: the user may join again, and is not in the room by it."""

    type: Literal["member.unbanned"]
    user: UserRef


class MemberRoleChanged(BaseEvent):
    """A member has another role."""

    type: Literal["member.role_changed"]
    user: UserRef
    role: RoomRole


class MessageCreated(BaseEvent):
    """A message was sent. Read from the log, it carries the message as it is now, edited or deleted later."""

    type: Literal["message.created"]
    message: Message


class MessageEdited(BaseEvent):
    """A message has another body."""

    type: Literal["message.edited"]
    message: Message


class MessageDeleted(BaseEvent):
    """A message's text is gone; its place stays, with an empty body."""

    type: Literal["message.deleted"]
    message: Message


EVENTS = (
    RoomCreated,
    RoomUpdated,
    RoomDeleted,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MemberBanned,
    MemberUnbanned,
    MemberRoleChanged,
    MessageCreated,
    MessageEdited,
    MessageDeleted,
)

Event = Annotated[
    RoomCreated
    | RoomUpdated
    | RoomDeleted
    | MemberJoined
    | MemberLeft
    | MemberRemoved
    | MemberBanned
    | MemberUnbanned
    | MemberRoleChanged
    | MessageCreated
    | MessageEdited
    | MessageDeleted,
    Field(discriminator="type"),
]


class EventPage(BaseModel):
    """Events with the oldest first, and how long the log was when they were read."""

    items: list[Event]
    last_seq: int = Field(description="The `seq` of the newest event in the room's log.")
    epoch: str
    has_more: bool = Field(description="There are more above the last item; go by this, not by the length of `items`.")

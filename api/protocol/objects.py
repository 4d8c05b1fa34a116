"""What the objects of the wire look like: the models that OpenAPI and AsyncAPI are made from.

`api.protocol.frames` writes these objects without them, for speed; tests hold the two together.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from api.protocol import examples
from api.protocol.examples import example
from api.protocol.fields import Id

Timestamp = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-22T05:12:00.123Z"]})
]
RoomRole = Literal["owner", "moderator", "member"]


def leave_out(schema: dict[str, Any]) -> None:
    """Document a field that is left out where it is not set: it has no default, and is never null."""
    del schema["default"]


class User(BaseModel):
    """An account as everyone may see it."""

    model_config = example(examples.USER)

    id: Id
    username: str
    display_name: str
    role: Literal["user", "admin"]
    created_at: Timestamp


class UserRef(BaseModel):
    """A user as others see them in events and messages, named as they are now."""

    model_config = example(examples.ADA)

    id: Id
    username: str
    display_name: str


class RoomInfo(BaseModel):
    """A room as events carry it: as it became by the event."""

    model_config = example(examples.TEA)

    id: Id
    name: str
    topic: str
    visibility: Literal["public", "private"]


class RoomMembership(BaseModel):
    """What the user who asks is in the room."""

    model_config = example(
        {"role": "owner", "read_seq": 16, "unread_count": 1, "joined_at": "2026-11-22T05:00:00.000Z"}
    )

    role: RoomRole
    read_seq: int = Field(description="Everything up to this `seq` is read.")
    unread_count: int = Field(description="Others' undeleted messages above `read_seq`; stops at 100.")
    joined_at: Timestamp


class Room(BaseModel):
    """A room; `me` is null for who is no member."""

    model_config = example(examples.ROOM)

    id: Id
    name: str
    topic: str
    visibility: Literal["public", "private"]
    epoch: str = Field(description="Another one than yours: history has gone back, drop your copy of the room.")
    last_seq: int = Field(description="The `seq` of the newest event in the room's log.")
    member_count: int
    created_at: Timestamp
    me: RoomMembership | None


class Member(BaseModel):
    """One user's place in one room."""

    model_config = example(examples.MEMBER)

    user: UserRef
    role: RoomRole
    joined_at: Timestamp


class Ban(BaseModel):
    """Who may not join a room, why, and who said so."""

    model_config = example(examples.BAN)

    user: UserRef
    reason: str
    actor: UserRef | None
    created_at: Timestamp


class Message(BaseModel):
    """A message as it is now; of two copies the one with the higher `revision` holds."""

    model_config = example(examples.MESSAGE)

    id: Id
    room_id: Id
    seq: int = Field(description="The message's place in the room's log; it never changes.")
    revision: int = Field(description="The `seq` of the last event that changed the message.")
    author: UserRef
    body: str = Field(description="Empty once the message is deleted.")
    idempotency_key: str | None = Field(description="The key that it was sent with.")
    created_at: Timestamp
    edited_at: Timestamp | None
    deleted_at: Timestamp | None


class FieldProblem(BaseModel):
    """One refused field: where it stands, why in words, and why in a word; never what was sent."""

    model_config = example(
        {"loc": ["body", "username"], "msg": "Value error, must have at least 3 characters", "type": "value_error"}
    )

    loc: list[str | int]
    msg: str
    type: str

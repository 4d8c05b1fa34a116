"""What the pushes that are no events look like on the wire: one model each; `api.protocol.frames` writes them."""

from typing import Literal

from pydantic import BaseModel, Field

from api.protocol.fields import Id
from api.protocol.objects import Room, Timestamp, User, UserRef


class MessageBudget(BaseModel):
    """How much one user may send: so many messages, edits and deletions within so many seconds."""

    count: int
    window_seconds: int


class WelcomeLimits(BaseModel):
    """What the server takes from a client."""

    frame_bytes: int = Field(description="The longest frame.")
    body_chars: int = Field(description="The longest message body, in Unicode code points.")
    messages: MessageBudget | None = Field(description="Null: no limit.")


class Welcome(BaseModel):
    """The first frame, always: the connection is live.

    `rooms` are all rooms of the user; one that is missing has been left or deleted. Every event above a room's
    `last_seq` arrives on this connection; those up to it are had from `history.get`.
    """

    type: Literal["welcome"]
    connection_id: Id
    user: User
    server_time: Timestamp
    heartbeat_ms: int = Field(description="A client that hears nothing for so long and 10 s more reconnects.")
    token_expires_at: Timestamp = Field(description="Send `token.refresh` before; then the socket closes with 4005.")
    limits: WelcomeLimits
    rooms: list[Room]


class Heartbeat(BaseModel):
    """Nothing else was sent for `heartbeat_ms`. Needs no answer."""

    type: Literal["heartbeat"]
    server_time: Timestamp


class TokenExpiring(BaseModel):
    """The token ends soon. Send `token.refresh`, or the socket closes with 4005 at `expires_at`."""

    type: Literal["token.expiring"]
    expires_at: Timestamp


class ServerDraining(BaseModel):
    """The node is going down: 4001 follows. Come back after that time."""

    type: Literal["server.draining"]
    reconnect_after_ms: int


class RoomJoined(BaseModel):
    """The user is in this room from here on, in the place of the event that says so to others.

    It comes before anything else of the room, whose `last_seq` is the live cursor.
    """

    type: Literal["room.joined"]
    room: Room


class RoomLeft(BaseModel):
    """The user is not in this room any more. Nothing of it comes after this."""

    type: Literal["room.left"]
    room_id: Id
    reason: Literal["left", "removed", "banned", "deleted"]


class Typing(BaseModel):
    """Another user writes, or has stopped. End it yourself after 6 s.

    Ephemeral: not stored, dropped first under pressure, and shown in rooms of at most 100 members only.
    """

    type: Literal["typing"]
    room_id: Id
    user: UserRef
    typing: bool


class Read(BaseModel):
    """A read mark has moved: the user's own, set elsewhere, or another member's.

    Ephemeral: not stored, dropped first under pressure. In rooms of more than 100 members one sees only one's own.
    """

    type: Literal["read"]
    room_id: Id
    user: UserRef
    read_seq: int


PUSHES = (Welcome, Heartbeat, TokenExpiring, ServerDraining, RoomJoined, RoomLeft, Typing, Read)

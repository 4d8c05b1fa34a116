"""What the application is told: the events of the rooms' logs, pushes beside them, and the state of the connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from chat_client.errors import ChatClientError
from chat_client.models import Cursor, Message, Room, RoomInfo, User, UserRef, parse_time


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a room's log.

    Per room the application sees every `seq` once and in order, from the place where its copy began, whatever
    happens to the connection; a `RoomReset` or `RoomLeft` ends a copy, and the next event begins a new one.

    Attributes:
        type: `message.created`, `member.joined` … A type that this version does not know keeps its place.
        replayed: It was read from the log, so a message in it is as it is now, not as it was then.
    """

    type: str
    room_id: str
    seq: int
    epoch: str
    at: datetime
    actor: UserRef | None
    message: Message | None
    room: RoomInfo | None
    user: UserRef | None
    role: str | None
    replayed: bool

    @property
    def cursor(self) -> Cursor:
        """The place to resume from once this event has been dealt with."""
        return Cursor(self.epoch, self.seq)

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, epoch: str, replayed: bool) -> Self:
        actor, message, room, user = (data.get(field) for field in ("actor", "message", "room", "user"))
        return cls(
            type=data["type"],
            room_id=data["room_id"],
            seq=data["seq"],
            epoch=epoch,
            at=parse_time(data["at"]),
            actor=None if actor is None else UserRef.parse(actor),
            message=None if message is None else Message.parse(message),
            room=None if room is None else RoomInfo.parse(room),
            user=None if user is None else UserRef.parse(user),
            role=data.get("role"),
            replayed=replayed,
        )


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A part of a room's log after a `seq`, oldest first."""

    room_id: str
    items: tuple[Event, ...]
    last_seq: int
    epoch: str
    has_more: bool

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, room_id: str) -> Self:
        epoch = data["epoch"]
        return cls(
            room_id=room_id,
            items=tuple(Event.parse(item, epoch=epoch, replayed=True) for item in data["items"]),
            last_seq=data["last_seq"],
            epoch=epoch,
            has_more=data["has_more"],
        )


@dataclass(frozen=True, slots=True)
class RoomJoined:
    """The user is in this room from now on; at the start, one for each of the user's rooms."""

    room: Room


@dataclass(frozen=True, slots=True)
class RoomLeft:
    """The user is no longer in this room; its copy ends.

    Attributes:
        reason: `left`, `removed`, `banned` or `deleted`; `missing` where it happened while the client was away.
    """

    room_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RoomReset:
    """The room's log was replaced (a restore): drop the copy, what follows is a new one."""

    room_id: str


@dataclass(frozen=True, slots=True)
class Typing:
    """A user types or has stopped; end it after 6 s without another one."""

    room_id: str
    user: UserRef
    typing: bool


@dataclass(frozen=True, slots=True)
class ReadMoved:
    """A user has read up to `read_seq`."""

    room_id: str
    user: UserRef
    read_seq: int


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection is up; what was missed follows, then what is new."""

    connection_id: str
    user: User


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection, or an attempt at one, failed; the next try is in `retry_in_s`. Nothing is lost by it."""

    error: ChatClientError
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class Draining:
    """The server will close this connection soon, to be replaced by a new one."""

    reconnect_after_s: float


@dataclass(frozen=True, slots=True)
class SendFailed:
    """A message that nobody waits for (`ChatClient.post`) was refused for good."""

    room_id: str
    body: str
    idempotency_key: str
    error: ChatClientError


AnyEvent = (
    Event | RoomJoined | RoomLeft | RoomReset | Typing | ReadMoved | Connected | Disconnected | Draining | SendFailed
)

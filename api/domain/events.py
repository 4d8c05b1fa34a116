"""The entries of a room's log."""

from dataclasses import dataclass
from enum import StrEnum

from api.domain.models import Message, Role, RoomInfo, UserRef


class EventType(StrEnum):
    """What can happen in a room and is remembered; the word is the wire's `type`."""

    ROOM_CREATED = "room.created"
    ROOM_UPDATED = "room.updated"
    ROOM_DELETED = "room.deleted"
    MEMBER_JOINED = "member.joined"
    MEMBER_LEFT = "member.left"
    MEMBER_REMOVED = "member.removed"
    MEMBER_BANNED = "member.banned"
    MEMBER_UNBANNED = "member.unbanned"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    MESSAGE_CREATED = "message.created"
    MESSAGE_EDITED = "message.edited"
    MESSAGE_DELETED = "message.deleted"


DEPARTURES = {
    EventType.MEMBER_LEFT: "left",
    EventType.MEMBER_REMOVED: "removed",
    EventType.MEMBER_BANNED: "banned",
}
"""The events after which their user sees nothing more of the room, and the reason that `room.left` gives."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a room's log.

    `seq` counts from 1 without a gap. Of `room`, `user`, `role` and `message` those are set that the type carries;
    a message is as it is now, not as it was when the event was made.
    """

    type: EventType
    room_id: str
    seq: int
    at_ms: int
    actor: UserRef | None
    room: RoomInfo | None = None
    user: UserRef | None = None
    role: Role | None = None
    message: Message | None = None

    @classmethod
    def of_message(cls, message: Message) -> "Event":
        """Build the event that a new message is."""
        return cls(
            EventType.MESSAGE_CREATED,
            message.room_id,
            message.seq,
            message.created_at_ms,
            message.author,
            message=message,
        )

    @property
    def joiner(self) -> UserRef | None:
        """Name the user who sees the room from this event on: who joined, or who created it."""
        if self.type is EventType.MEMBER_JOINED:
            return self.user
        return self.actor if self.type is EventType.ROOM_CREATED else None

    @property
    def leaver(self) -> UserRef | None:
        """Name the user who sees nothing of the room from this event on."""
        return self.user if self.type in DEPARTURES else None

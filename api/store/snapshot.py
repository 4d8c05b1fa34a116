"""The rows as one transaction sees them, and the one transaction that may change them."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from api.domain.events import Event, EventType
from api.domain.models import Message, Role, RoomInfo, UserRef
from api.store.log import LogRows
from api.store.members import MemberRows
from api.store.rooms import RoomRows
from api.store.sessions import SessionRows
from api.store.users import UserRows


class Snapshot:
    """All tables at one moment; reading only."""

    def __init__(self, connection: Connection) -> None:
        self.users = UserRows(connection)
        self.sessions = SessionRows(connection)
        self.rooms = RoomRows(connection)
        self.members = MemberRows(connection)
        self.log = LogRows(connection)


class Unit(Snapshot):
    """One job in the write transaction: it alone sees and changes the rows until it returns.

    `now_ms` is one moment for the whole job. `events` gathers what the job added to logs, for those who listen, and
    `members.recounted` the rooms that it changed the number of members of.
    """

    def __init__(self, connection: Connection, now_ms: int) -> None:
        super().__init__(connection)
        self.now_ms = now_ms
        self.events: list[Event] = []

    def append(
        self,
        room_id: str,
        event_type: EventType,
        actor: UserRef | None,
        *,
        user: UserRef | None = None,
        role: Role | None = None,
        room: RoomInfo | None = None,
    ) -> Event:
        """Add an event other than a message to a room's log, with the room's next `seq`."""
        seq = self.rooms.next_seq(room_id)
        payload: dict[str, Any] = {}
        if role is not None:
            payload["role"] = role.value
        if room is not None:
            payload["room"] = {"name": room.name, "topic": room.topic, "visibility": room.visibility.value}
        self.log.insert(room_id, seq, event_type, self.now_ms, actor, user, payload or None)
        event = Event(event_type, room_id, seq, self.now_ms, actor, room=room, user=user, role=role)
        self.events.append(event)
        return event

    def change_message(self, message: Message, event_type: EventType, actor: UserRef) -> Message:
        """Store an edited or deleted message as given, with the event that says so; return it with its `revision`."""
        seq = self.rooms.next_seq(message.room_id)
        message = replace(message, revision=seq)
        self.log.insert_change(message, event_type, self.now_ms, actor)
        self.events.append(Event(event_type, message.room_id, seq, self.now_ms, actor, message=message))
        return message

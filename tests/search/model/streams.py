"""What each open connection has to be told, room by room (protocol 2.3, 2.4)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from tests.search.fresh import Fresh, time
from tests.search.model.state import Event, Json, Message, RoleName, Room, Session, State, User

FAREWELLS: Final = {"member.left": "left", "member.removed": "removed", "member.banned": "banned"}


@dataclass(eq=False)
class Connection:
    """One socket: which rooms it hears, and all that it was owed in each, in order.

    `passing` are the pushes that are in no log: `typing` and `read`.
    """

    session: Session
    rooms: set[Room] = field(default_factory=set)
    heard: dict[Fresh, list[Json]] = field(default_factory=lambda: defaultdict(list))
    passing: dict[Fresh, list[Json]] = field(default_factory=lambda: defaultdict(list))
    closed: tuple[int, str] | None = None

    @property
    def user(self) -> User:
        """Whose it is."""
        return self.session.user


@dataclass(frozen=True)
class Sender:
    """The connection and the command that an event comes from."""

    connection: Connection
    command_id: str


class Streams:
    """All open connections, told of every event as it is written."""

    def __init__(self, state: State) -> None:
        """Begin with no connection."""
        self._state = state
        self.open: list[Connection] = []

    def of(self, user: User) -> list[Connection]:
        """The open connections of a user."""
        return [connection for connection in self.open if connection.user is user]

    def welcome(self, session: Session) -> tuple[Connection, list[Json]]:
        """Let a connection in; gives `welcome.rooms`, each with its live cursor."""
        rooms = self._state.rooms_of(session.user)
        connection = Connection(session, rooms=set(rooms))
        self.open.append(connection)
        return connection, [room.shown(session.user) for room in rooms]

    def lose(self, connection: Connection) -> None:
        """Let a connection go from the client's side."""
        self.open.remove(connection)

    def close(self, session: Session, code: int, reason: str) -> None:
        """End all connections of a session."""
        for connection in [one for one in self.open if one.session is session]:
            connection.closed = (code, reason)
            self.open.remove(connection)

    def close_user(self, user: User, code: int, reason: str) -> None:
        """End all connections of a user."""
        for session in self._state.sessions:
            if session.user is user:
                self.close(session, code, reason)

    def write(
        self,
        room: Room,
        event_type: str,
        actor: User,
        *,
        at: Fresh | None = None,
        sender: Sender | None = None,
        info: Json | None = None,
        user: User | None = None,
        role: RoleName | None = None,
        message: Message | None = None,
    ) -> Event:
        """Add an event to a room's log, and tell everybody who hears the room."""
        seq = room.last_seq + 1
        event = Event(event_type, room.id, seq, actor, at or time(), room=info, user=user, role=role, message=message)
        room.events.append(event)
        if event.message is not None:
            event.message.revision = event.seq
        joiner = actor if event_type == "room.created" else event.user if event_type == "member.joined" else None
        leaver = event.user if event_type in FAREWELLS else None
        for connection in self.open:
            if sender is not None and connection is sender.connection:
                assert event.message is not None
                result = {"message": event.message.shown(), "duplicate": False}
                connection.heard[room.id].append({"type": "ack", "id": sender.command_id, "result": result})
            elif room not in connection.rooms:
                continue
            elif leaver is connection.user:
                self._dismiss(connection, room, FAREWELLS[event_type])
            else:
                connection.heard[room.id].append(event.shown())
                if event_type == "room.deleted":
                    self._dismiss(connection, room, "deleted")
        assert joiner is None or not any(room in connection.rooms for connection in self.of(joiner))
        return event

    def open_room(self, room: Room, user: User) -> None:
        """Let a user's connections into a room that he has just joined."""
        for connection in self.of(user):
            connection.rooms.add(room)
            connection.heard[room.id].append({"type": "room.joined", "room": room.shown(user)})

    def pass_on(
        self, room: Room, push: Json, *, by: User, sender: Connection | None, to_own: bool, to_all: bool
    ) -> None:
        """Push something that is in no log."""
        for connection in self.open:
            is_meant = to_own if connection.user is by else to_all
            if room in connection.rooms and connection is not sender and is_meant:
                connection.passing[room.id].append({**push, "room_id": room.id, "user": by.ref})

    def _dismiss(self, connection: Connection, room: Room, reason: str) -> None:
        connection.heard[room.id].append({"type": "room.left", "room_id": room.id, "reason": reason})
        connection.rooms.discard(room)

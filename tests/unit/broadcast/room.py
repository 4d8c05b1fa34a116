"""A room on one node, without a node around it."""

from __future__ import annotations

from api.broadcast.base import Origin
from api.broadcast.dispatcher import Dispatcher
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.domain.events import Event, EventType
from api.domain.models import Message, Role, User, UserRef, UserRole
from tests.unit.broadcast.connections import RecordingConnection
from tests.unit.broadcast.stage import Stage

ROOM = "room"
ADA, BOB = (User(name, name, name, UserRole.USER, 0) for name in ("ada", "bob"))


def event(seq: int, event_type: EventType = EventType.ROOM_UPDATED, *, user: UserRef | None = None) -> Event:
    """Make an event of ada's."""
    role = Role.MEMBER if event_type is EventType.MEMBER_JOINED else None
    return Event(event_type, ROOM, seq, 0, ADA.ref, user=user, role=role)


def message(seq: int) -> Message:
    """Make a message of ada's."""
    return Message(f"m{seq}", ROOM, seq, seq, ADA.ref, "hello", None, 0, None, None)


class Room:
    """A dispatcher, the log that it refills from, and ada in it."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.log: list[Event] = []
        self.reads: list[int] = []
        self.failures = 0
        self.origins: dict[str, Origin] = {}
        self.joined: list[tuple[str, str]] = []
        self.stats = NodeStats()
        self.dispatcher = Dispatcher(
            ROOM,
            read_events=self._read,
            origins=self.origins,
            on_joined=lambda user_id, room_id: self.joined.append((user_id, room_id)),
            stats=self.stats,
        )
        self.ada = RecordingConnection("c1", ADA, "s1")

    async def _read(self, room_id: str, after_seq: int, limit: int) -> list[Event]:
        assert room_id == ROOM
        self.reads.append(after_seq)
        page = [one for one in self.log if one.seq > after_seq][:limit]
        await self.stage.stand("read")
        if self.failures:
            self.failures -= 1
            raise ChatError(ErrorCode.UNAVAILABLE, "away")
        return page

    def begin(self, head: int = 0) -> None:
        """Let the dispatcher begin, and ada in."""
        self.dispatcher.activate(head)
        self.dispatcher.add(self.ada)

    def write(self, *events: Event) -> None:
        """Put events into the log, and tell nobody."""
        self.log += events

    async def seen(self) -> list[int]:
        """List the events that ada has been sent."""
        await self.stage.settle()
        return [frame["seq"] for frame in self.ada.frames if "seq" in frame]

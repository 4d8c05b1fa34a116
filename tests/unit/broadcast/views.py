"""The checker: what each connection saw of each room, held against the room's log as it is in the database."""

from __future__ import annotations

from dataclasses import dataclass, field

from api.domain.events import DEPARTURES, Event, EventType
from tests.unit.broadcast.connections import Frame, RecordingConnection


@dataclass
class RoomLog:
    """A room's whole log, and who is a member at each place of it."""

    room_id: str
    events: list[Event]
    members_at: list[frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        """Replay the memberships; before the first event nobody is in."""
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1)), "the log has a gap"
        members: frozenset[str] = frozenset()
        self.members_at = [members]
        for event in self.events:
            if event.joiner is not None:
                members |= {event.joiner.id}
            elif event.leaver is not None:
                members -= {event.leaver.id}
            elif event.type is EventType.ROOM_DELETED:
                members = frozenset()
            self.members_at.append(members)

    @property
    def last_seq(self) -> int:
        """How long the log is."""
        return len(self.events)

    def event(self, seq: int) -> Event:
        """Give one event."""
        return self.events[seq - 1]


class View:
    """One connection's sight of the rooms, replayed frame by frame; the first broken promise is an AssertionError."""

    def __init__(self, connection: RecordingConnection, logs: dict[str, RoomLog]) -> None:
        self._user_id = connection.user.id
        self._logs = logs
        self._cursors: dict[str, int] = {}
        self._opened_at: dict[str, int] = {}
        self._acked_outside: dict[str, int] = {}
        self.seen: list[tuple[str, int]] = []
        frames = connection.frames
        assert not frames or frames[0]["type"] == "welcome", f"first came {frames[0]}"
        for frame in frames:
            self._take(frame)

    def finish(self) -> None:
        """Check that a connection that lives to the end is in all rooms of its user, and at the end of their logs."""
        wanted = {room_id: log.last_seq for room_id, log in self._logs.items() if self._user_id in log.members_at[-1]}
        assert self._cursors == wanted, "not everything has arrived"

    def _take(self, frame: Frame) -> None:
        match frame["type"]:
            case "welcome":
                assert not self._cursors, "welcomed twice"
                for room in frame["rooms"]:
                    self._open(room)
            case "room.joined":
                self._open(frame["room"])
            case "room.left":
                self._close(frame["room_id"], frame["reason"])
            case "ack":
                if not frame["result"]["duplicate"]:
                    self._acked(frame["result"]["message"])
            case "error" | "typing" | "read":
                pass
            case _:
                self._event(frame)

    def _open(self, room: Frame) -> None:
        room_id, cursor = room["id"], room["last_seq"]
        assert room_id not in self._cursors, "a room was opened twice"
        assert self._user_id in self._logs[room_id].members_at[cursor], "a room was opened to somebody who is not in it"
        assert self._acked_outside.pop(room_id, 0) <= cursor, "an acknowledged message comes again as an event"
        self._cursors[room_id] = self._opened_at[room_id] = cursor

    def _close(self, room_id: str, reason: str) -> None:
        cursor = self._cursors.pop(room_id)
        log = self._logs[room_id]
        if reason == "deleted":
            assert log.event(cursor).type is EventType.ROOM_DELETED, "room.left came before room.deleted"
            return
        departure = log.event(cursor + 1)
        assert departure.leaver is not None, "room.left came at the wrong place"
        assert departure.leaver.id == self._user_id, "room.left came for somebody else"
        assert DEPARTURES[departure.type] == reason

    def _acked(self, message: Frame) -> None:
        room_id, seq = message["room_id"], message["seq"]
        if room_id not in self._cursors:
            self._acked_outside[room_id] = seq
        elif seq > self._opened_at[room_id]:  # else the room was opened with the message in it, and no event will come
            self._advance(room_id, seq)
        assert self._logs[room_id].event(seq).message is not None, "the ack is of something else"

    def _event(self, frame: Frame) -> None:
        room_id, seq = frame["room_id"], frame["seq"]
        self._advance(room_id, seq)
        event = self._logs[room_id].event(seq)
        assert frame["type"] == event.type.value, "another event has this seq"
        concerned = event.joiner or event.leaver
        assert concerned is None or concerned.id != self._user_id, "an event came that room.joined or .left stands for"
        if event.message is not None:
            assert frame["message"]["id"] == event.message.id
            assert frame["message"]["revision"] <= event.message.revision

    def _advance(self, room_id: str, seq: int) -> None:
        assert room_id in self._cursors, "leak: an event of a room that is not open"
        cursor = self._cursors[room_id]
        assert seq > cursor, f"duplicate: {seq} after {cursor}"
        assert seq == cursor + 1, f"gap: {seq} after {cursor}"
        log = self._logs[room_id]
        is_end = log.event(seq).type is EventType.ROOM_DELETED
        assert is_end or self._user_id in log.members_at[seq], "leak: an event at or above the departure"
        self._cursors[room_id] = seq
        self.seen.append((room_id, seq))

"""All rooms of the user, each with its log: frames go in, what the application is told comes out. Pure, no I/O."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from chat_client.errors import Json
from chat_client.events import AnyEvent, Connected, Event, ReadMoved, RoomJoined, RoomLeft, RoomReset, Typing
from chat_client.models import Cursor, Room, RoomInfo, User, UserRef
from chat_client.room_log import HistoryRequest, LogPage, RoomLog, Step

# What every event of a log has. A push that has less is none, and leaves its `seq`, if it names one, to the log.
_EVENT_FIELDS = frozenset({"room_id", "seq", "at", "actor"})


class Mirror:
    """The user's rooms as far as they are known.

    Args:
        backlog: How many of the newest events of a room a new copy begins with; None for all.
        resume: Where the application's copies end already, by room id.

    Attributes:
        is_held: While set, events are only remembered as existing, to be asked for once it is unset; for an
            application that is behind.
        user: Whose rooms these are; None before the first `welcome`.
    """

    def __init__(self, *, backlog: int | None = None, resume: Mapping[str, Cursor] | None = None) -> None:
        self._backlog = backlog
        self._logs = {
            room_id: RoomLog[Event](backlog=backlog, resume=cursor) for room_id, cursor in (resume or {}).items()
        }
        self._rooms: dict[str, Room] = {}
        self._behind: dict[str, None] = {}
        self._barred: set[str] = set()
        self.is_held = False
        self.user: User | None = None

    @property
    def rooms(self) -> Mapping[str, Room]:
        """The rooms, by id: as the server last showed them, name, topic, visibility and own role kept up to date."""
        return self._rooms

    def cursors(self) -> dict[str, Cursor]:
        """Where each copy ends."""
        return {room_id: log.cursor for room_id, log in self._logs.items() if log.cursor is not None}

    # --- what comes in ---

    def welcome(self, frame: Mapping[str, Any]) -> list[AnyEvent]:
        """Begin a connection: its rooms are all rooms there are, its cursors where live events begin."""
        user = User.parse(frame["user"])
        rooms = {room.id: room for room in map(Room.parse, frame["rooms"])}
        self.user = user
        told: list[AnyEvent] = [Connected(frame["connection_id"], user)]
        for room_id in [*self._logs, *self._rooms]:
            if room_id not in rooms:
                told += self._forget(room_id, "missing")
        for room in rooms.values():
            told += self._announce(room)
        return told

    def push(self, frame: Mapping[str, Any]) -> list[AnyEvent]:
        """Take any frame of the server that answers no command; one of an unknown kind leads to nothing."""
        match frame["type"]:
            case "room.joined":
                return self._announce(Room.parse(frame["room"]))
            case "room.left":
                return self._forget(frame["room_id"], frame["reason"])
            case "typing":
                return [Typing(frame["room_id"], UserRef.parse(frame["user"]), frame["typing"])]
            case "read":
                return [ReadMoved(frame["room_id"], UserRef.parse(frame["user"]), frame["read_seq"])]
            case _ if frame.keys() >= _EVENT_FIELDS:
                return self._live(frame)
            case _:
                return []

    def acknowledged(self, result: Mapping[str, Any]) -> list[AnyEvent]:
        """Take the result of a `message.send`: it stands in the place of the event, unless it is a duplicate."""
        if result["duplicate"]:
            return []
        message = result["message"]
        return self._live(
            {
                "type": "message.created",
                "room_id": message["room_id"],
                "seq": message["seq"],
                "at": message["created_at"],
                "actor": message["author"],
                "message": message,
            }
        )

    # --- history ---

    def wanted(self, *, but: Iterable[str] = ()) -> tuple[str, HistoryRequest] | None:
        """Say which room lacks events, and what to ask for; never one of `but`, nor anything while held."""
        if self.is_held:
            return None
        for room_id in list(self._behind):
            request = self._logs[room_id].wanted()
            if request is None:
                del self._behind[room_id]
            elif room_id not in but:
                return room_id, request
        return None

    def page(self, room_id: str, request: HistoryRequest, result: Json) -> tuple[list[AnyEvent], bool]:
        """Take the answer to `request`; return what to tell, and whether asking again at once makes sense."""
        log = self._logs.get(room_id)
        if log is None:
            return [], True
        epoch = result["epoch"]
        items = [(item["seq"], Event.parse(item, epoch=epoch, replayed=True)) for item in result["items"]]
        step = log.page(request, LogPage(items, result["last_seq"], epoch))
        return self._after(room_id, log, step), step.progress

    def resync(self, room_id: str, request: HistoryRequest) -> tuple[list[AnyEvent], bool]:
        """Take `resync_required` as the answer to `request`; returns as `page` does."""
        log = self._logs.get(room_id)
        if log is None:
            return [], True
        step = log.resync(request)
        return self._after(room_id, log, step), step.progress

    def barred(self, room_id: str) -> None:
        """Take a definite refusal of a room's history: do not ask again before the server names the room anew."""
        self._behind.pop(room_id, None)
        self._barred.add(room_id)

    # --- inside ---

    def _announce(self, room: Room) -> list[AnyEvent]:
        is_new = room.id not in self._rooms
        log = self._logs.get(room.id)
        if log is None:
            log = self._logs[room.id] = RoomLog(backlog=self._backlog)
        self._rooms[room.id] = room
        self._barred.discard(room.id)
        told: list[AnyEvent] = [RoomJoined(room)] if is_new else []
        return told + self._after(room.id, log, log.announced(Cursor(room.epoch, room.last_seq)))

    def _forget(self, room_id: str, reason: str) -> list[AnyEvent]:
        known = self._logs.pop(room_id, None) is not None
        self._rooms.pop(room_id, None)
        self._behind.pop(room_id, None)
        self._barred.discard(room_id)
        return [RoomLeft(room_id, reason)] if known else []

    def _live(self, frame: Mapping[str, Any]) -> list[AnyEvent]:
        room_id, seq = frame["room_id"], frame["seq"]
        log = self._logs.get(room_id)
        if log is None:
            return []  # behind a `room.left`: no longer ours
        if self.is_held:
            log.exists(seq)
            return self._after(room_id, log, Step())
        return self._after(room_id, log, log.live(seq, Event.parse(frame, epoch=log.epoch or "", replayed=False)))

    def _after(self, room_id: str, log: RoomLog[Event], step: Step[Event]) -> list[AnyEvent]:
        if log.wanted() is not None and room_id not in self._barred:
            self._behind[room_id] = None
        told: list[AnyEvent] = [RoomReset(room_id)] if step.reset else []
        for event in step.items:
            self._note(event)
            # An event that was held back may have come before the epoch was known.
            told.append(event if event.epoch else dataclasses.replace(event, epoch=log.epoch or ""))
        return told

    def _note(self, event: Event) -> None:
        room = self._rooms.get(event.room_id)
        if room is None or event.replayed:
            return
        if event.type == "room.updated" and event.room is not None:
            self._rooms[room.id] = _renamed(room, event.room)
        elif event.type == "member.role_changed" and self._is_me(event.user) and room.me and event.role:
            self._rooms[room.id] = dataclasses.replace(room, me=dataclasses.replace(room.me, role=event.role))

    def _is_me(self, user: UserRef | None) -> bool:
        return user is not None and self.user is not None and user.id == self.user.id


def _renamed(room: Room, info: RoomInfo) -> Room:
    return dataclasses.replace(room, name=info.name, topic=info.topic, visibility=info.visibility)

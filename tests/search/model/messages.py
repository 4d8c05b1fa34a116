"""Messages, pages, read marks (protocol 1: "Messages", "Idempotency"; 2.2, 2.4)."""

from __future__ import annotations

from tests.search.fresh import Fresh, time
from tests.search.model.rooms import Access
from tests.search.model.state import Json, Message, Refused, Room, State, User
from tests.search.model.streams import Connection, Sender, Streams


class Messages:
    """What members say, read back, and have read."""

    def __init__(self, state: State, streams: Streams) -> None:
        """Work on this state."""
        self._state = state
        self._streams = streams

    def send(
        self, user: User, room: Room, body: str, key: str | None, sender: Sender | None = None
    ) -> tuple[Message, bool]:
        """Send one message; the second of the pair tells a repeat. The body is trimmed."""
        body = body.strip()
        known = [m for m in self._state.messages if key is not None and m.author is user and m.key == key]
        if known:
            if known[0].room is not room or known[0].first_body != body:
                raise Refused("idempotency_conflict")
            return known[0], True
        Access(room, user).member()
        at = time()
        message = Message(self._state.fresh_id(), room, 0, user, body, body, key, at, 0)
        message.seq = message.revision = room.last_seq + 1
        self._streams.write(room, "message.created", user, at=at, message=message, sender=sender)
        self._state.messages.append(message)
        room.messages.append(message)
        return message, False

    def edit(self, user: User, message: Message, body: str) -> Json:
        """Give one's own message another body; the same one again is no event."""
        body = body.strip()
        Access(message.room, user).member()
        refusals = []
        if message.author is not user:
            refusals.append("forbidden")
        if message.deleted_at is not None:
            refusals.append("not_found")
        if refusals:
            raise Refused(*refusals)
        if body != message.body:
            message.body = body
            message.edited_at = time()
            self._streams.write(message.room, "message.edited", user, at=message.edited_at, message=message)
        return message.shown()

    def delete(self, user: User, message: Message) -> Json:
        """Scrub a message; again is no event."""
        access = Access(message.room, user).member()
        if message.author is not user:
            access.moderator()
        if message.deleted_at is None:
            message.body = ""
            message.deleted_at = time()
            self._streams.write(message.room, "message.deleted", user, at=message.deleted_at, message=message)
        return message.shown()

    def page(self, user: User, room: Room, before: int | None, after: int | None, limit: int) -> Json:
        """The newest messages, the nearest below `before`, or the nearest above `after`; the oldest first."""
        Access(room, user).member()
        every = room.all_messages()
        if after is not None:
            found = [message for message in every if message["seq"] > after]
            return {"items": found[:limit], "has_more": len(found) > limit}
        found = [message for message in every if before is None or message["seq"] < before]
        return {"items": found[-limit:], "has_more": len(found) > limit}

    def events(self, user: User, room: Room, after: int, epoch: Fresh | str | None, limit: int) -> Json:
        """The log above `after`."""
        Access(room, user).member()
        if after > room.last_seq or (epoch is not None and epoch is not room.epoch):
            raise Refused("resync_required")
        found = room.log()[after:]
        return {
            "items": found[:limit],
            "last_seq": room.last_seq,
            "epoch": room.epoch,
            "has_more": len(found) > limit,
        }

    def mark(self, user: User, room: Room, seq: int, sender: Connection | None = None) -> int:
        """Say how far one has read; never back. Others see it in small rooms, the own connections anywhere."""
        Access(room, user).member()
        place = room.places.get(user)
        if place is None:  # an admin who is no member
            raise Refused("forbidden")
        if seq > room.last_seq:
            raise Refused("validation_error")
        if seq > place.read_seq:
            place.read_seq = seq
            push = {"type": "read", "read_seq": seq}
            self._streams.pass_on(room, push, by=user, sender=sender, to_own=True, to_all=room.is_small)
        return place.read_seq

    def typing(self, user: User, room: Room, sender: Connection, *, is_typing: bool) -> None:
        """Show the others that one writes, in small rooms."""
        Access(room, user).member()
        push = {"type": "typing", "typing": is_typing}
        self._streams.pass_on(room, push, by=user, sender=sender, to_own=False, to_all=room.is_small)

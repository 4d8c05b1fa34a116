"""Messages: send, edit, delete, read back; and the marks of who has read how far."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import TypeVar

from api.broadcast.base import Connection, EphemeralHint, Origin
from api.broadcast.manager import SMALL_ROOM_MEMBERS, BroadcastManager
from api.domain.errors import ChatError, ErrorCode, forbidden, invalid, not_found
from api.domain.events import Event, EventType
from api.domain.models import Message, User
from api.protocol import frames
from api.protocol.codec import encode
from api.services import access
from api.store.base import Append, Store
from api.store.snapshot import Snapshot, Unit

PAGE_BYTES_MAX = 256 * 1024

Item = TypeVar("Item", Message, Event)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages with the oldest first; `has_more`: there are more in the direction that was asked for."""

    items: Sequence[Message]
    has_more: bool


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events with the oldest first, and the room's log as long as it was when they were read."""

    items: Sequence[Event]
    last_seq: int
    epoch: str
    has_more: bool


class Messages:
    """What members do in a room's log.

    Args:
        new_id: makes UUIDv7 text.
    """

    def __init__(self, store: Store, manager: BroadcastManager, *, new_id: Callable[[], str]) -> None:
        self._store = store
        self._manager = manager
        self._new_id = new_id

    def send(self, author: User, room_id: str, body: str, key: str | None, origin: Origin) -> None:
        """Queue one message; `origin` hears of it after the commit. Messages keep the order of these calls.

        Raises:
            ChatError: `unavailable`, the queue is full; the origin hears nothing.
        """
        append = Append(self._new_id(), room_id, author, body, key, submitted_s=monotonic())
        self._manager.expect(append.message_id, origin)
        try:
            self._store.submit(append)
        except Exception:
            self._manager.forget(append.message_id)
            raise

    async def post(self, author: User, room_id: str, body: str, key: str | None) -> tuple[Message, bool]:
        """Send one message and wait for it; the second of the pair tells a repeat of an earlier one.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`, `idempotency_conflict`, `unavailable`.
        """
        origin = _WaitingOrigin()
        self.send(author, room_id, body, key, origin)
        return await origin.outcome

    async def edit(self, user: User, message_id: str, body: str) -> Message:
        """Give a message another body; the same one again makes no event.

        Raises:
            ChatError: `not_found` (also: deleted), `banned`, `forbidden` (also: somebody else's).
        """

        def job(unit: Unit) -> Message:
            message = _existing(unit, message_id)
            access.member(unit, message.room_id, user)
            if message.author.id != user.id:
                raise forbidden("Only the author edits a message.")
            if message.deleted_at_ms is not None:
                raise not_found("message")
            if message.body == body:
                return message
            changed = replace(message, body=body, edited_at_ms=unit.now_ms)
            return unit.change_message(changed, EventType.MESSAGE_EDITED, user.ref)

        return await self._store.write(job)

    async def delete(self, user: User, message_id: str) -> Message:
        """Scrub a message's text everywhere; its place stays. Deleting again makes no event.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden` (a plain member deletes only his own).
        """

        def job(unit: Unit) -> Message:
            message = _existing(unit, message_id)
            if message.author.id == user.id:
                access.member(unit, message.room_id, user)
            else:
                access.moderator(unit, message.room_id, user)
            if message.deleted_at_ms is not None:
                return message
            changed = replace(message, body="", deleted_at_ms=unit.now_ms)
            return unit.change_message(changed, EventType.MESSAGE_DELETED, user.ref)

        return await self._store.write(job)

    async def page(
        self, user: User, room_id: str, *, before_seq: int | None, after_seq: int | None, limit: int
    ) -> MessagePage:
        """Read messages: the newest, the nearest below `before_seq`, or the nearest above `after_seq`.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`.
        """

        def query(rows: Snapshot) -> list[Message]:
            access.member(rows, room_id, user)
            return rows.log.messages(room_id, before_seq=before_seq, after_seq=after_seq, limit=limit + 1)

        nearest = await self._store.read(query)
        fitting = _fitting(nearest[:limit], frames.message_object)
        items = fitting if after_seq is not None else fitting[::-1]
        return MessagePage(items, has_more=len(fitting) < len(nearest))

    async def events(self, user: User, room_id: str, *, after_seq: int, epoch: str | None, limit: int) -> EventPage:
        """Read a room's log above `after_seq`, in order, with messages as they are now.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`; `resync_required` where the epoch is another, or the log is
                shorter than `after_seq`.
        """

        def query(rows: Snapshot) -> tuple[list[Event], int, str]:
            room = access.member(rows, room_id, user).room
            if (epoch is not None and epoch != room.epoch) or after_seq > room.last_seq:
                raise ChatError(ErrorCode.RESYNC_REQUIRED, "The room's history is another one; load it anew.")
            return rows.log.events(room_id, after_seq=after_seq, limit=limit + 1), room.last_seq, room.epoch

        found, last_seq, current_epoch = await self._store.read(query)
        items = _fitting(found[:limit], frames.event_object)
        return EventPage(items, last_seq, current_epoch, has_more=len(items) < len(found))

    async def mark_read(self, user: User, room_id: str, seq: int, sender: Connection | None) -> int:
        """Move the user's read mark up, never back; return where it is.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`; `validation_error` above the room's `last_seq`.
        """

        def job(unit: Unit) -> tuple[int, bool, int]:
            room = access.member(unit, room_id, user).room
            if room.me is None:
                raise forbidden("Only a member has a read mark.")
            if seq > room.last_seq:
                raise invalid(["seq"], "is above the room's last_seq")
            read_seq = unit.members.mark_read(room_id, user.id, seq)
            return read_seq, read_seq != room.me.read_seq, room.member_count

        read_seq, has_moved, member_count = await self._store.write(job)
        if has_moved:
            payload = frames.read(room_id, user.ref, read_seq)
            to_others = member_count <= SMALL_ROOM_MEMBERS
            self._manager.push(EphemeralHint(room_id, payload, user.id, to_own=True, to_others=to_others), sender)
        return read_seq

    async def set_typing(self, user: User, room_id: str, sender: Connection, *, is_typing: bool) -> None:
        """Show the other members of a small room who writes; nothing is kept.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`.
        """
        if not self._manager.is_in_room(sender, room_id):
            await self._store.read(lambda rows: access.member(rows, room_id, user))
        if await self._manager.member_count(room_id) <= SMALL_ROOM_MEMBERS:
            payload = frames.typing(room_id, user.ref, is_typing=is_typing)
            self._manager.push(EphemeralHint(room_id, payload, user.id, to_own=False, to_others=True), sender)


class _WaitingOrigin:
    """Somebody who awaits a message's answer outside of any connection."""

    connection: Connection | None = None

    def __init__(self) -> None:
        self.outcome: asyncio.Future[tuple[Message, bool]] = asyncio.get_running_loop().create_future()

    def settle(self, message: Message, *, duplicate: bool) -> None:
        if not self.outcome.done():
            self.outcome.set_result((message, duplicate))

    def fail(self, error: ChatError) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


def _existing(unit: Unit, message_id: str) -> Message:
    message = unit.log.message(message_id)
    if message is None:
        raise not_found("message")
    return message


def _fitting(items: Sequence[Item], as_object: Callable[[Item], frames.Json]) -> list[Item]:
    """Take items until their JSON reaches 256 KiB, and one at least."""
    taken: list[Item] = []
    size = 0
    for item in items:
        size += len(encode(as_object(item)))
        taken.append(item)
        if size >= PAGE_BYTES_MAX:
            break
    return taken

"""Rooms: find, make, change, delete."""

from collections.abc import Callable
from dataclasses import replace

from api import log_events
from api.broadcast.manager import BroadcastManager
from api.domain.errors import ChatError, ErrorCode, forbidden
from api.domain.events import EventType
from api.domain.models import Role, Room, RoomInfo, User, Visibility
from api.services import access
from api.services.users import still_there
from api.store.base import Store
from api.store.snapshot import Unit


class Rooms:
    """What users do with rooms; each change is one event of the room's log.

    Args:
        new_id: makes UUIDv7 text.
        new_epoch: makes a word that names one history of a room.
    """

    def __init__(
        self,
        store: Store,
        manager: BroadcastManager,
        *,
        new_id: Callable[[], str],
        new_epoch: Callable[[], str],
        rooms_per_user_max: int,
    ) -> None:
        self._store = store
        self._manager = manager
        self._new_id = new_id
        self._new_epoch = new_epoch
        self._rooms_per_user_max = rooms_per_user_max

    async def joined(self, user: User, *, after_id: str | None, limit: int) -> list[Room]:
        """List the user's rooms in the order of their ids."""
        return await self._store.read(lambda rows: rows.rooms.joined(user.id, after_id=after_id, limit=limit))

    async def public(self, user: User, *, after_id: str | None, limit: int) -> list[Room]:
        """List the public rooms in the order of their ids."""
        return await self._store.read(lambda rows: rows.rooms.public(user.id, after_id=after_id, limit=limit))

    async def find(self, user: User, room_id: str) -> Room:
        """Find a room that the user may know of.

        Raises:
            ChatError: `not_found`.
        """
        return (await self._store.read(lambda rows: access.standing(rows, room_id, user, with_unread=True))).room

    async def create(self, user: User, *, name: str, topic: str, visibility: Visibility) -> Room:
        """Make a room that the user owns.

        Raises:
            ChatError: `room_name_taken`, `too_many_rooms`; `session_revoked`, the account was deleted in the meantime.
        """
        info = RoomInfo(self._new_id(), name, topic, visibility)

        def job(unit: Unit) -> Room:
            still_there(unit, user.id)
            if unit.members.room_count(user.id) >= self._rooms_per_user_max:
                raise too_many_rooms()
            _claim_name(unit, info)
            unit.rooms.insert(info, epoch=self._new_epoch(), now_ms=unit.now_ms)
            event = unit.append(info.id, EventType.ROOM_CREATED, user.ref, room=info)
            unit.members.add(info.id, user.id, Role.OWNER, read_seq=event.seq, now_ms=unit.now_ms)
            return access.standing(unit, info.id, user, with_unread=True).room

        room = await self._store.write(job)
        log_events.ROOM_CREATED.emit(room_id=room.id, user_id=user.id, visibility=visibility.value)
        await self._manager.admitted(user.id, room.id)
        return room

    async def update(self, user: User, room_id: str, *, name: str | None, topic: str | None) -> Room:
        """Change a room's name or topic (None: leave it); what is so already makes no event.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`, `room_name_taken`.
        """

        def job(unit: Unit) -> tuple[Room, bool]:
            room = access.moderator(unit, room_id, user).room
            changed = replace(
                room.info, name=room.name if name is None else name, topic=room.topic if topic is None else topic
            )
            is_another = changed != room.info
            if is_another:
                _claim_name(unit, changed)
                unit.rooms.update(changed)
                unit.append(room_id, EventType.ROOM_UPDATED, user.ref, room=changed)
            return access.standing(unit, room_id, user, with_unread=True).room, is_another

        room, is_another = await self._store.write(job)
        if is_another:
            log_events.ROOM_UPDATED.emit(room_id=room_id, user_id=user.id)
        return room

    async def delete(self, user: User, room_id: str) -> None:
        """Delete a room for everyone.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden` (also: the default room).
        """

        def job(unit: Unit) -> None:
            if access.owner(unit, room_id, user).room.is_default:
                raise forbidden("This room cannot be deleted.")
            unit.append(room_id, EventType.ROOM_DELETED, user.ref)
            unit.members.remove_all(room_id)
            unit.rooms.mark_deleted(room_id, unit.now_ms)

        await self._store.write(job)
        log_events.ROOM_DELETED.emit(room_id=room_id, user_id=user.id)


async def open_default_room(
    store: Store, name: str, *, new_id: Callable[[], str], new_epoch: Callable[[], str]
) -> None:
    """Make the room that everyone joins by sign-up, unless it is there; nobody owns it.

    Raises:
        ChatError: `room_name_taken`, by a room that people made while there was no default room.
    """

    def job(unit: Unit) -> str | None:
        if unit.rooms.default_room_id() is not None:
            return None
        info = RoomInfo(new_id(), name, "", Visibility.PUBLIC)
        _claim_name(unit, info)
        unit.rooms.insert(info, epoch=new_epoch(), now_ms=unit.now_ms, is_default=True)
        unit.append(info.id, EventType.ROOM_CREATED, None, room=info)
        return info.id

    room_id = await store.write(job)
    if room_id is not None:
        log_events.ROOM_CREATED.emit(room_id=room_id, user_id=None, visibility=Visibility.PUBLIC.value)


def too_many_rooms() -> ChatError:
    """Build the refusal of one room more than a user may be in."""
    return ChatError(ErrorCode.TOO_MANY_ROOMS, "The user is in as many rooms as one can be.")


def _claim_name(unit: Unit, room: RoomInfo) -> None:
    if unit.rooms.is_name_taken(room):
        raise ChatError(ErrorCode.ROOM_NAME_TAKEN, "Another public room has this name.")

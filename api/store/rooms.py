"""The rows of rooms, and what a room is to one user."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, insert, null, select, update

from api.domain.models import Membership, Role, Room, RoomInfo, Visibility
from api.domain.text import name_key
from api.store.parts import in_parts
from api.store.tables import events, members, rooms

UNREAD_MAX = 100

_AS_SEEN = (*rooms.c, members.c.role, members.c.read_seq, members.c.joined_at_ms)


class RoomRows:
    """The rooms of one transaction. Deleted rooms are found by nobody."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, room: RoomInfo, *, epoch: str, now_ms: int, is_default: bool = False) -> None:
        """Add an empty room without members, at `last_seq` 0."""
        self._connection.execute(
            insert(rooms).values(
                id=room.id,
                name=room.name,
                public_name_key=_public_key(room),
                topic=room.topic,
                visibility=room.visibility.value,
                epoch=epoch,
                last_seq=0,
                member_count=0,
                is_default=is_default,
                created_at_ms=now_ms,
            )
        )

    def next_seq(self, room_id: str) -> int:
        """Take the next place in the room's log; holds the room's row lock until the transaction ends."""
        statement = update(rooms).where(rooms.c.id == room_id).values(last_seq=rooms.c.last_seq + 1)
        return int(self._connection.execute(statement.returning(rooms.c.last_seq)).scalar_one())

    def find(self, room_id: str, user_id: str, *, with_unread: bool = True) -> Room | None:
        """Find a living room, and what the user is in it; counting what is unread is the dear part of it."""
        query = _rooms_as_seen_by(user_id, with_unread=with_unread).where(rooms.c.id == room_id)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _room(row)

    def joined(self, user_id: str, *, after_id: str | None = None, limit: int | None = None) -> list[Room]:
        """List the rooms of a user in the order of their ids, behind `after_id`."""
        query = _rooms_as_seen_by(user_id).where(members.c.user_id.is_not(None))
        return self._page(query, after_id, limit)

    def joined_by(self, user_ids: Sequence[str]) -> dict[str, list[Room]]:
        """List all rooms of several users, each user's in the order of their ids."""
        found: dict[str, list[Room]] = {user_id: [] for user_id in user_ids}
        for part in in_parts(user_ids):
            query = (
                select(members.c.user_id, *_AS_SEEN, _unread_count(members.c.user_id).label("unread_count"))
                .join_from(members, rooms, members.c.room_id == rooms.c.id)
                .where(members.c.user_id.in_(part), rooms.c.deleted_at_ms.is_(None))
                .order_by(rooms.c.id)
            )
            for row in self._connection.execute(query).mappings():
                found[row["user_id"]].append(_room(row))
        return found

    def public(self, user_id: str, *, after_id: str | None, limit: int) -> list[Room]:
        """List the public rooms in the order of their ids, behind `after_id`."""
        query = _rooms_as_seen_by(user_id).where(rooms.c.visibility == Visibility.PUBLIC.value)
        return self._page(query, after_id, limit)

    def _page(self, query: Select[Any], after_id: str | None, limit: int | None) -> list[Room]:
        if after_id is not None:
            query = query.where(rooms.c.id > after_id)
        rows = self._connection.execute(query.order_by(rooms.c.id).limit(limit)).mappings()
        return [_room(row) for row in rows]

    def heads(self, room_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Read the `last_seq` and number of members of rooms, deleted ones too: their end is still to be told."""
        found: dict[str, tuple[int, int]] = {}
        for part in in_parts(room_ids):
            statement = select(rooms.c.id, rooms.c.last_seq, rooms.c.member_count).where(rooms.c.id.in_(part))
            found.update({row.id: (row.last_seq, row.member_count) for row in self._connection.execute(statement)})
        return found

    def head(self, room_id: str) -> tuple[int, int]:
        """Read the `last_seq` and number of members of one room."""
        return self.heads([room_id])[room_id]

    def default_room_id(self) -> str | None:
        """Find the room that everyone joins by sign-up."""
        return self._connection.execute(
            select(rooms.c.id).where(rooms.c.is_default, rooms.c.deleted_at_ms.is_(None))
        ).scalar_one_or_none()

    def is_name_taken(self, room: RoomInfo) -> bool:
        """Tell whether another living public room has the name of this one (public, or it is free)."""
        key = _public_key(room)
        if key is None:
            return False
        statement = select(rooms.c.id).where(rooms.c.public_name_key == key, rooms.c.id != room.id)
        return self._connection.execute(statement).first() is not None

    def update(self, room: RoomInfo) -> None:
        """Change a room's name and topic."""
        self._connection.execute(
            update(rooms)
            .where(rooms.c.id == room.id)
            .values(name=room.name, public_name_key=_public_key(room), topic=room.topic)
        )

    def mark_deleted(self, room_id: str, now_ms: int) -> None:
        """Hide a room from everyone for good; its name is free again."""
        self._connection.execute(
            update(rooms)
            .where(rooms.c.id == room_id)
            .values(deleted_at_ms=now_ms, public_name_key=None, member_count=0)
        )

    def set_epochs(self, epoch: str) -> None:
        """Declare that history may have gone back: every client loads its rooms anew."""
        self._connection.execute(update(rooms).values(epoch=epoch))


def _public_key(room: RoomInfo) -> str | None:
    return name_key(room.name) if room.visibility is Visibility.PUBLIC else None


def _rooms_as_seen_by(user_id: str, *, with_unread: bool = True) -> Select[Any]:
    unread_count = _unread_count(user_id) if with_unread else null()
    return (
        select(*_AS_SEEN, unread_count.label("unread_count"))
        .join_from(rooms, members, and_(members.c.room_id == rooms.c.id, members.c.user_id == user_id), isouter=True)
        .where(rooms.c.deleted_at_ms.is_(None))
    )


def _unread_count(user_id: str | ColumnElement[str]) -> ColumnElement[int]:
    # In the words of the index `ix_events_unread`, which SQLite takes only for a query that repeats them.
    unread = (
        select(events.c.seq)
        .where(
            events.c.room_id == rooms.c.id,
            events.c.seq > members.c.read_seq,
            events.c.message_id.is_not(None),
            events.c.deleted_at_ms.is_(None),
            events.c.actor_id != user_id,
        )
        .limit(UNREAD_MAX)
        .correlate(rooms, members)
        .subquery()
    )
    return select(func.count()).select_from(unread).scalar_subquery()


def _room(row: RowMapping) -> Room:
    me = None
    if row["role"] is not None:
        me = Membership(Role(row["role"]), row["read_seq"], row["unread_count"], row["joined_at_ms"])
    return Room(
        id=row["id"],
        name=row["name"],
        topic=row["topic"],
        visibility=Visibility(row["visibility"]),
        epoch=row["epoch"],
        last_seq=row["last_seq"],
        member_count=row["member_count"],
        created_at_ms=row["created_at_ms"],
        is_default=row["is_default"],
        me=me,
    )

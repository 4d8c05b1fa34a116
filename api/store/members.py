"""The rows of who is in which room, who left, and who is banned."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from api.domain.models import Ban, Member, Role, UserRef
from api.store.tables import bans, departures, members, rooms, users
from api.store.users import UserRows


@dataclass(frozen=True, slots=True)
class Place:
    """One user's place in one living room, as leaving all rooms at once needs to know it."""

    room_id: str
    is_default: bool
    role: Role
    owner_count: int


class MemberRows:
    """The memberships, departures and bans of one transaction.

    `recounted` gathers the rooms whose number of members was changed through this.
    """

    def __init__(self, connection: Connection) -> None:
        self.recounted: set[str] = set()
        self._connection = connection
        self._users = UserRows(connection)

    def find(self, room_id: str, user_id: str) -> Member | None:
        """Find one member of a room."""
        statement = _members(room_id).where(members.c.user_id == user_id)
        row = self._connection.execute(statement).first()
        return None if row is None else _member(row)

    def page(self, room_id: str, *, after_id: str | None, limit: int) -> list[Member]:
        """List members in the order of their users' ids, behind `after_id`."""
        statement = _members(room_id).order_by(members.c.user_id).limit(limit)
        if after_id is not None:
            statement = statement.where(members.c.user_id > after_id)
        return [_member(row) for row in self._connection.execute(statement)]

    def add(self, room_id: str, user_id: str, role: Role, *, read_seq: int, now_ms: int) -> None:
        """Add a member; he counts, and his departure is forgotten."""
        self._connection.execute(
            insert(members).values(
                room_id=room_id, user_id=user_id, role=role.value, read_seq=read_seq, joined_at_ms=now_ms
            )
        )
        self._connection.execute(
            delete(departures).where(departures.c.room_id == room_id, departures.c.user_id == user_id)
        )
        self._count(room_id, 1)
        self._users.bump_rooms_version([user_id])

    def remove(self, room_id: str, user_id: str) -> None:
        """Take a member out of a room."""
        self._connection.execute(delete(members).where(members.c.room_id == room_id, members.c.user_id == user_id))
        self._count(room_id, -1)
        self._users.bump_rooms_version([user_id])

    def remove_all(self, room_id: str) -> None:
        """Take everyone out of a room that is deleted."""
        statement = delete(members).where(members.c.room_id == room_id).returning(members.c.user_id)
        self._users.bump_rooms_version(self._connection.execute(statement).scalars().all())

    def set_role(self, room_id: str, user_id: str, role: Role) -> None:
        """Change a member's role."""
        self._connection.execute(
            update(members).where(members.c.room_id == room_id, members.c.user_id == user_id).values(role=role.value)
        )

    def mark_read(self, room_id: str, user_id: str, seq: int) -> int:
        """Move a member's read mark up, never back; return where it is."""
        mine = (members.c.room_id == room_id, members.c.user_id == user_id)
        self._connection.execute(update(members).where(*mine, members.c.read_seq < seq).values(read_seq=seq))
        return int(self._connection.execute(select(members.c.read_seq).where(*mine)).scalar_one())

    def owner_count(self, room_id: str) -> int:
        """Count the owners of a room."""
        statement = select(func.count()).where(members.c.room_id == room_id, members.c.role == Role.OWNER.value)
        return int(self._connection.execute(statement).scalar_one())

    def room_count(self, user_id: str) -> int:
        """Count the rooms of a user."""
        statement = select(func.count()).where(members.c.user_id == user_id)
        return int(self._connection.execute(statement).scalar_one())

    def room_ids(self, user_id: str) -> list[str]:
        """List the ids of a user's rooms."""
        return list(self._connection.execute(select(members.c.room_id).where(members.c.user_id == user_id)).scalars())

    def places_of(self, user_id: str) -> list[Place]:
        """List every room of a user with what leaving it depends on."""
        owners = members.alias("owners")
        owner_count = (
            select(func.count())
            .where(owners.c.room_id == rooms.c.id, owners.c.role == Role.OWNER.value)
            .correlate(rooms)
            .scalar_subquery()
        )
        statement = (
            select(rooms.c.id, rooms.c.is_default, members.c.role, owner_count)
            .join_from(members, rooms, rooms.c.id == members.c.room_id)
            .where(members.c.user_id == user_id, rooms.c.deleted_at_ms.is_(None))
            .order_by(rooms.c.id)
        )
        return [Place(row[0], row[1], Role(row[2]), row[3]) for row in self._connection.execute(statement)]

    def mark_departed(self, room_id: str, user_id: str) -> None:
        """Remember that a user left a public room by himself."""
        self._connection.execute(insert(departures).values(room_id=room_id, user_id=user_id))

    def has_departed(self, room_id: str, user_id: str) -> bool:
        """Tell whether a user left the room by himself and has not come back."""
        statement = select(departures.c.user_id).where(departures.c.room_id == room_id, departures.c.user_id == user_id)
        return self._connection.execute(statement).first() is not None

    def is_banned(self, room_id: str, user_id: str) -> bool:
        """Tell whether a user may not join the room."""
        statement = select(bans.c.user_id).where(bans.c.room_id == room_id, bans.c.user_id == user_id)
        return self._connection.execute(statement).first() is not None

    def ban(self, room_id: str, user_id: str, actor_id: str, *, reason: str, now_ms: int) -> None:
        """Keep a user out of a room."""
        self._connection.execute(
            insert(bans).values(
                room_id=room_id, user_id=user_id, actor_id=actor_id, reason=reason, created_at_ms=now_ms
            )
        )

    def unban(self, room_id: str, user_id: str) -> None:
        """Let a user join again."""
        self._connection.execute(delete(bans).where(bans.c.room_id == room_id, bans.c.user_id == user_id))

    def bans(self, room_id: str, *, after_id: str | None, limit: int) -> list[Ban]:
        """List a room's bans in the order of their users' ids, behind `after_id`."""
        actors = users.alias("actors")
        statement = (
            select(
                bans.c.reason,
                bans.c.created_at_ms,
                users.c.id,
                users.c.username,
                users.c.display_name,
                actors.c.id,
                actors.c.username,
                actors.c.display_name,
            )
            .join_from(bans, users, users.c.id == bans.c.user_id)
            .join(actors, actors.c.id == bans.c.actor_id)
            .where(bans.c.room_id == room_id)
            .order_by(bans.c.user_id)
            .limit(limit)
        )
        if after_id is not None:
            statement = statement.where(bans.c.user_id > after_id)
        return [
            Ban(UserRef(row[2], row[3], row[4]), row[0], UserRef(row[5], row[6], row[7]), row[1])
            for row in self._connection.execute(statement)
        ]

    def _count(self, room_id: str, change: int) -> None:
        self.recounted.add(room_id)
        self._connection.execute(
            update(rooms).where(rooms.c.id == room_id).values(member_count=rooms.c.member_count + change)
        )


def _members(room_id: str) -> Select[str, str, str, str, int]:
    return (
        select(users.c.id, users.c.username, users.c.display_name, members.c.role, members.c.joined_at_ms)
        .join_from(members, users, users.c.id == members.c.user_id)
        .where(members.c.room_id == room_id)
    )


def _member(row: Row[str, str, str, str, int]) -> Member:
    return Member(UserRef(row[0], row[1], row[2]), Role(row[3]), row[4])

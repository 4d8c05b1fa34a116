"""The nouns: users, sessions, rooms, members, messages. Ids are UUIDv7 text, times milliseconds since the epoch."""

from dataclasses import dataclass
from enum import StrEnum


class UserRole(StrEnum):
    """What a user may do on the whole server; `admin` is given on the command line only."""

    USER = "user"
    ADMIN = "admin"


class UserStatus(StrEnum):
    """Whether a user may log in. A suspended user keeps rooms and messages; a deleted one keeps only messages."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Role(StrEnum):
    """A member's standing in one room."""

    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"

    @property
    def rank(self) -> int:
        """Order the roles: an owner stands above a moderator, a moderator above a member."""
        return _RANKS[self]


_RANKS = {Role.MEMBER: 0, Role.MODERATOR: 1, Role.OWNER: 2}


class Visibility(StrEnum):
    """Who may find and join a room: anyone, or whom its owner adds."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class UserRef:
    """A user as others see them in events and messages, named as they are now."""

    id: str
    username: str
    display_name: str


@dataclass(frozen=True, slots=True)
class User:
    """An account as everyone may see it."""

    id: str
    username: str
    display_name: str
    role: UserRole
    created_at_ms: int

    @property
    def ref(self) -> UserRef:
        """Shorten to what messages and events carry."""
        return UserRef(self.id, self.username, self.display_name)

    @property
    def is_admin(self) -> bool:
        """Tell whether the user has an owner's rights in public rooms."""
        return self.role is UserRole.ADMIN


@dataclass(frozen=True, slots=True)
class Session:
    """One login, from the password to log-out, expiry or revocation; access and refresh tokens belong to it."""

    id: str
    user_id: str
    created_at_ms: int
    last_used_at_ms: int
    expires_at_ms: int
    user_agent: str


@dataclass(frozen=True, slots=True)
class Membership:
    """What one user is in one room; `unread_count` counts others' undeleted messages above `read_seq`, at most 100.

    It is None where nobody counted: such a room was read for a decision, and is shown to no client.
    """

    role: Role
    read_seq: int
    unread_count: int | None
    joined_at_ms: int


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """What room events carry: the room as it became."""

    id: str
    name: str
    topic: str
    visibility: Visibility


@dataclass(frozen=True, slots=True)
class Room:
    """A room at one point of its log, and what the asking user is in it (None: not a member)."""

    id: str
    name: str
    topic: str
    visibility: Visibility
    epoch: str
    last_seq: int
    member_count: int
    created_at_ms: int
    is_default: bool
    me: Membership | None

    @property
    def info(self) -> RoomInfo:
        """Shorten to what room events carry."""
        return RoomInfo(self.id, self.name, self.topic, self.visibility)


@dataclass(frozen=True, slots=True)
class Member:
    """One user's place in one room."""

    user: UserRef
    role: Role
    joined_at_ms: int


@dataclass(frozen=True, slots=True)
class Ban:
    """Why a user may not join a room, and who said so."""

    user: UserRef
    reason: str
    actor: UserRef | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is now; of two copies the one with the higher `revision` holds. Deleted: the body is empty."""

    id: str
    room_id: str
    seq: int
    revision: int
    author: UserRef
    body: str
    idempotency_key: str | None
    created_at_ms: int
    edited_at_ms: int | None
    deleted_at_ms: int | None

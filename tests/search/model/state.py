"""Everything that is in the chat, as plain objects: what the contract's nouns say, and nothing of how they are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tests.search.fresh import DELETED_NAME, SECRET, UUID7, WORD, Fresh, time

Json = dict[str, Any]
RoleName = Literal["member", "moderator", "owner"]

RANKS: Final[dict[RoleName, int]] = {"member": 0, "moderator": 1, "owner": 2}
UNREAD_MAX: Final = 100
SMALL_ROOM: Final = 100


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """What is asked for is refused with this code, or one of these where the contract leaves open which comes first."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.codes = codes


@dataclass(eq=False)
class User:
    """An account."""

    id: Fresh
    username: str | Fresh
    display_name: str | Fresh
    password: str
    created_at: Fresh = field(default_factory=time)
    is_admin: bool = False
    is_suspended: bool = False
    is_deleted: bool = False

    @property
    def ref(self) -> Json:
        """`UserRef`, as the user is now."""
        return {"id": self.id, "username": self.username, "display_name": self.display_name}

    def shown(self) -> Json:
        """`User`."""
        return {**self.ref, "role": "admin" if self.is_admin else "user", "created_at": self.created_at}

    def vanish(self) -> None:
        """Go, and leave a name that is nobody's."""
        self.is_deleted = True
        self.is_admin = False
        self.username = self.display_name = Fresh(DELETED_NAME)


@dataclass(eq=False)
class RefreshToken:
    """One refresh token: `live` until it is spent for a successor, `void` once another stands in its place."""

    text: Fresh = field(default_factory=lambda: Fresh(SECRET))
    state: Literal["live", "spent", "void"] = "live"
    successor: RefreshToken | None = None


@dataclass(eq=False)
class Session:
    """One login."""

    user: User
    id: Fresh
    refresh_tokens: list[RefreshToken] = field(default_factory=list)
    access_token: Fresh = field(default_factory=lambda: Fresh(SECRET))
    is_revoked: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether its tokens open anything."""
        return not self.is_revoked and not self.user.is_suspended


@dataclass(eq=False)
class Place:
    """A member's place in a room."""

    role: RoleName
    read_seq: int
    joined_at: Fresh = field(default_factory=time)


@dataclass(eq=False)
class Ban:
    """Who may not come back."""

    reason: str
    actor: User
    created_at: Fresh = field(default_factory=time)


@dataclass(eq=False)
class Message:
    """A message, as it is now."""

    id: Fresh
    room: Room
    seq: int
    author: User
    body: str
    first_body: str
    key: str | None
    created_at: Fresh
    revision: int
    edited_at: Fresh | None = None
    deleted_at: Fresh | None = None

    def shown(self) -> Json:
        """`Message`."""
        return {
            "id": self.id,
            "room_id": self.room.id,
            "seq": self.seq,
            "revision": self.revision,
            "author": self.author.ref,
            "body": self.body,
            "idempotency_key": self.key,
            "created_at": self.created_at,
            "edited_at": self.edited_at,
            "deleted_at": self.deleted_at,
        }


@dataclass(eq=False)
class Event:
    """One entry of a room's log. `room` is what the room became, as it was then."""

    type: str
    room_id: Fresh
    seq: int
    actor: User | None
    at: Fresh
    room: Json | None = None
    user: User | None = None
    role: RoleName | None = None
    message: Message | None = None

    def shown(self) -> Json:
        """Show the event, its people and its message as they are now."""
        shown: Json = {
            "type": self.type,
            "room_id": self.room_id,
            "seq": self.seq,
            "at": self.at,
            "actor": None if self.actor is None else self.actor.ref,
        }
        if self.room is not None:
            shown["room"] = self.room
        if self.user is not None:
            shown["user"] = self.user.ref
        if self.role is not None:
            shown["role"] = self.role
        if self.message is not None:
            shown["message"] = self.message.shown()
        return shown


@dataclass(eq=False)
class Room:
    """A room and its log. What was in it before the model began is kept as the server told it."""

    id: Fresh
    name: str
    topic: str
    is_public: bool
    epoch: Fresh = field(default_factory=lambda: Fresh(WORD))
    created_at: Fresh = field(default_factory=time)
    is_default: bool = False
    is_deleted: bool = False
    places: dict[User, Place] = field(default_factory=dict)
    bans: dict[User, Ban] = field(default_factory=dict)
    departed: set[User] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    old_events: list[Json] = field(default_factory=list)
    old_messages: list[Json] = field(default_factory=list)
    old_members: list[Json] = field(default_factory=list)
    old_bans: list[Json] = field(default_factory=list)

    @property
    def last_seq(self) -> int:
        """How long the log is."""
        return len(self.old_events) + len(self.events)

    @property
    def member_count(self) -> int:
        """How many are in it."""
        return len(self.old_members) + len(self.places)

    @property
    def is_small(self) -> bool:
        """Whether its members see each other type and read."""
        return self.member_count <= SMALL_ROOM

    @property
    def info(self) -> Json:
        """The room in events."""
        visibility = "public" if self.is_public else "private"
        return {"id": self.id, "name": self.name, "topic": self.topic, "visibility": visibility}

    def owners(self) -> list[User]:
        """Who owns it."""
        return [user for user, place in self.places.items() if place.role == "owner"]

    def shown(self, user: User) -> Json:
        """`Room`, as this user sees it."""
        place = self.places.get(user)
        return {
            **self.info,
            "epoch": self.epoch,
            "last_seq": self.last_seq,
            "member_count": self.member_count,
            "created_at": self.created_at,
            "me": None if place is None else self._me(user, place),
        }

    def _me(self, user: User, place: Place) -> Json:
        unread = [m for m in self.messages if m.seq > place.read_seq and m.author is not user and m.deleted_at is None]
        return {
            "role": place.role,
            "read_seq": place.read_seq,
            "unread_count": min(len(unread), UNREAD_MAX),
            "joined_at": place.joined_at,
        }

    def log(self) -> list[Json]:
        """The whole log, as it reads now."""
        return [*self.old_events, *(event.shown() for event in self.events)]

    def all_messages(self) -> list[Json]:
        """All messages, the oldest first."""
        return [*self.old_messages, *(message.shown() for message in self.messages)]


class State:
    """What there is; lists are in the order of making."""

    def __init__(self, *, rooms_max: int, sockets_max: int) -> None:
        """Begin with nothing; a user may be in so many rooms, and have so many open sockets."""
        self.rooms_max = rooms_max
        self.sockets_max = sockets_max
        self.users: list[User] = []
        # Each takes half a second to be noticed.
        self.changes_left = 4
        self.taken_names: set[str] = set()
        self.sessions: list[Session] = []
        self.rooms: list[Room] = []
        self.messages: list[Message] = []
        self._ids: set[str] = set()

    def fresh_id(self) -> Fresh:
        """Stand for an id that nothing else has."""
        return Fresh(UUID7, self._ids)

    def rooms_of(self, user: User) -> list[Room]:
        """The living rooms that a user is in."""
        return [room for room in self.rooms if user in room.places]

    def sessions_of(self, user: User) -> list[Session]:
        """The live sessions of a user."""
        return [session for session in self.sessions if session.user is user and not session.is_revoked]

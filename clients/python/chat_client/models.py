"""The objects of the wire as frozen dataclasses.

`parse` reads the fields it knows and ignores all others, so a newer server does not break an older client. It raises
one of `NOT_AS_PROMISED` where a promised field is missing or of another kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from chat_client.errors import NOT_AS_PROMISED, BadAnswerError

T = TypeVar("T")


def parsed(parse: Callable[[Mapping[str, Any]], T], data: Mapping[str, Any]) -> T:
    """Return `parse(data)`.

    Raises:
        BadAnswerError: a promised field is missing or of another kind.
    """
    try:
        return parse(data)
    except NOT_AS_PROMISED as error:
        raise BadAnswerError(f"not as the contract says: {error!r}") from error


def parse_time(text: str) -> datetime:
    """Read RFC 3339."""
    return datetime.fromisoformat(text)


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


@dataclass(frozen=True, slots=True)
class UserRef:
    """A user as shown beside messages and events."""

    id: str
    username: str
    display_name: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(id=data["id"], username=data["username"], display_name=data["display_name"])


@dataclass(frozen=True, slots=True)
class User:
    """An account; `role` is `user` or `admin`."""

    id: str
    username: str
    display_name: str
    role: str
    created_at: datetime

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            id=data["id"],
            username=data["username"],
            display_name=data["display_name"],
            role=data["role"],
            created_at=parse_time(data["created_at"]),
        )


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One login of the user; `current` is the one that asked."""

    id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool
    user_agent: str | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            id=data["id"],
            created_at=parse_time(data["created_at"]),
            last_used_at=parse_time(data["last_used_at"]),
            expires_at=parse_time(data["expires_at"]),
            current=data["current"],
            user_agent=data.get("user_agent"),
        )


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """What an event says of its room, as it became."""

    id: str
    name: str
    topic: str
    visibility: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(id=data["id"], name=data["name"], topic=data["topic"], visibility=data["visibility"])


@dataclass(frozen=True, slots=True)
class Membership:
    """The asking user's own place in a room; `unread_count` stops at 100."""

    role: str
    read_seq: int
    unread_count: int
    joined_at: datetime

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            role=data["role"],
            read_seq=data["read_seq"],
            unread_count=data["unread_count"],
            joined_at=parse_time(data["joined_at"]),
        )


@dataclass(frozen=True, slots=True)
class Room:
    """A room as the asking user sees it; `me` is None for one who is no member."""

    id: str
    name: str
    topic: str
    visibility: str
    epoch: str
    last_seq: int
    member_count: int
    created_at: datetime
    me: Membership | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        me = data.get("me")
        return cls(
            id=data["id"],
            name=data["name"],
            topic=data["topic"],
            visibility=data["visibility"],
            epoch=data["epoch"],
            last_seq=int(data["last_seq"]),
            member_count=data["member_count"],
            created_at=parse_time(data["created_at"]),
            me=None if me is None else Membership.parse(me),
        )


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a room; `role` is `owner`, `moderator` or `member`."""

    user: UserRef
    role: str
    joined_at: datetime

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(user=UserRef.parse(data["user"]), role=data["role"], joined_at=parse_time(data["joined_at"]))


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban and who spoke it."""

    user: UserRef
    reason: str | None
    actor: UserRef | None
    created_at: datetime

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        actor = data.get("actor")
        return cls(
            user=UserRef.parse(data["user"]),
            reason=data.get("reason"),
            actor=None if actor is None else UserRef.parse(actor),
            created_at=parse_time(data["created_at"]),
        )


@dataclass(frozen=True, slots=True)
class Message:
    """A message. Of two copies with one `id` the one of higher `revision` holds; a deleted one has `body` ""."""

    id: str
    room_id: str
    seq: int
    revision: int
    author: UserRef
    body: str
    idempotency_key: str | None
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            id=data["id"],
            room_id=data["room_id"],
            seq=int(data["seq"]),
            revision=int(data["revision"]),
            author=UserRef.parse(data["author"]),
            body=data["body"],
            idempotency_key=data.get("idempotency_key"),
            created_at=parse_time(data["created_at"]),
            edited_at=_optional_time(data.get("edited_at")),
            deleted_at=_optional_time(data.get("deleted_at")),
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `next_cursor` is None at its end."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A part of a room's messages, oldest first; `has_more`: in the direction asked for."""

    items: tuple[Message, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a room's log; one of another epoch says nothing about this log."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login gives; the times are Unix seconds by this machine's clock."""

    access_token: str
    refresh_token: str
    issued_at: float
    access_expires_at: float
    refresh_expires_at: float

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, now: float) -> Self:
        """Read a `TokenPair` that was received at `now`."""
        return cls(
            access_token=str(data["access_token"]),
            refresh_token=str(data["refresh_token"]),
            issued_at=now,
            access_expires_at=now + float(data["expires_in"]),
            refresh_expires_at=now + float(data["refresh_expires_in"]),
        )

    def __repr__(self) -> str:
        return "Tokens(…)"

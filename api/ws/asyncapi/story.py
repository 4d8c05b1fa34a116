"""One short story in frames, for the description of the socket: Ada and Bob in a room.

What the server sends is written by the encoders that write it in earnest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from api.domain.errors import ChatError, ErrorCode, invalid, not_found
from api.domain.events import Event, EventType
from api.domain.models import Membership, Message, Role, Room, User, UserRef, UserRole, Visibility
from api.protocol import examples, frames
from api.protocol.codec import decode
from api.protocol.timestamps import rfc3339

NOW_MS: Final = 1_795_324_320_123
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS

_ADA = UserRef(**examples.ADA)
_BOB = UserRef(**examples.BOB)
_CONNECTION_ID = "01a20468-5f60-7172-8c9d-0e1f2a3b4c5d"
_ROOM = Room(
    id=examples.ROOM_ID,
    name=examples.TEA["name"],
    topic=examples.TEA["topic"],
    visibility=Visibility(examples.TEA["visibility"]),
    epoch=examples.EPOCH,
    last_seq=16,
    member_count=2,
    created_at_ms=NOW_MS - _DAY_MS,
    is_default=False,
    me=Membership(Role.OWNER, read_seq=15, unread_count=1, joined_at_ms=NOW_MS - _DAY_MS),
)
_MESSAGE = Message(
    id=examples.MESSAGE_ID,
    room_id=_ROOM.id,
    seq=17,
    revision=17,
    author=_ADA,
    body=examples.MESSAGE_BODY,
    idempotency_key=examples.KEY,
    created_at_ms=NOW_MS,
    edited_at_ms=None,
    deleted_at_ms=None,
)
_EDITED = replace(_MESSAGE, revision=18, body="The kettle was on.", edited_at_ms=NOW_MS + _MINUTE_MS)
_DELETED = replace(_EDITED, revision=19, body="", deleted_at_ms=NOW_MS + 2 * _MINUTE_MS)


@dataclass(frozen=True, slots=True)
class CommandExample:
    """A command's own fields, and the result of its `ack`."""

    fields: frames.Json
    result: frames.Json


def command_examples() -> Mapping[str, CommandExample]:
    """Give one command of each type with its result."""
    in_room = {"room_id": _ROOM.id}
    return {
        "message.send": CommandExample(
            {**in_room, "body": _MESSAGE.body, "idempotency_key": _MESSAGE.idempotency_key},
            {"message": frames.message_object(_MESSAGE), "duplicate": False},
        ),
        "message.edit": CommandExample(
            {"message_id": _MESSAGE.id, "body": _EDITED.body}, {"message": frames.message_object(_EDITED)}
        ),
        "message.delete": CommandExample({"message_id": _MESSAGE.id}, {"message": frames.message_object(_DELETED)}),
        "history.get": CommandExample(
            {**in_room, "after_seq": 16, "epoch": examples.EPOCH, "limit": 50},
            {
                **in_room,
                "items": [frames.event_object(Event.of_message(_MESSAGE))],
                "last_seq": 17,
                "epoch": examples.EPOCH,
                "has_more": False,
            },
        ),
        "read.mark": CommandExample({**in_room, "seq": 17}, {**in_room, "read_seq": 17}),
        "typing.set": CommandExample({**in_room, "typing": True}, {}),
        "token.refresh": CommandExample(
            {"access_token": examples.ACCESS_TOKEN}, {"expires_at": rfc3339(NOW_MS + 15 * _MINUTE_MS)}
        ),
        "ping": CommandExample({}, {"server_time": rfc3339(NOW_MS)}),
    }


def push_examples() -> Mapping[str, frames.Json]:
    """Give one push of each type."""
    welcome = frames.welcome(
        _CONNECTION_ID,
        User(_ADA.id, _ADA.username, _ADA.display_name, UserRole.USER, NOW_MS - 2 * _DAY_MS),
        now_ms=NOW_MS,
        heartbeat_ms=25_000,
        token_expires_at_ms=NOW_MS + 15 * _MINUTE_MS,
        limits={"frame_bytes": 65_536, "body_chars": 4000, "messages": {"count": 20, "window_seconds": 4}},
        rooms=[_ROOM],
    )
    payloads = [
        welcome,
        frames.heartbeat(NOW_MS),
        frames.token_expiring(NOW_MS + _MINUTE_MS),
        frames.server_draining(1500),
        frames.room_joined(_ROOM),
        frames.room_left(_ROOM.id, "removed"),
        frames.typing(_ROOM.id, _BOB, is_typing=True),
        frames.read(_ROOM.id, _BOB, 17),
    ]
    return {frame["type"]: frame for frame in map(decode, payloads)}


def event_examples() -> Mapping[str, frames.Json]:
    """Give one event of each type."""
    kind, room_id, ada, bob = EventType, _ROOM.id, _ADA, _BOB
    events = [
        Event(kind.ROOM_CREATED, room_id, 1, NOW_MS, ada, room=_ROOM.info),
        Event(kind.ROOM_UPDATED, room_id, 22, NOW_MS, ada, room=replace(_ROOM.info, topic="Leaves or bags")),
        Event(kind.ROOM_DELETED, room_id, 27, NOW_MS, ada),
        Event(kind.MEMBER_JOINED, room_id, 20, NOW_MS, bob, user=bob, role=Role.MEMBER),
        Event(kind.MEMBER_LEFT, room_id, 23, NOW_MS, bob, user=bob),
        Event(kind.MEMBER_REMOVED, room_id, 24, NOW_MS, ada, user=bob),
        Event(kind.MEMBER_BANNED, room_id, 25, NOW_MS, ada, user=bob),
        Event(kind.MEMBER_UNBANNED, room_id, 26, NOW_MS, ada, user=bob),
        Event(kind.MEMBER_ROLE_CHANGED, room_id, 21, NOW_MS, ada, user=bob, role=Role.MODERATOR),
        Event.of_message(_MESSAGE),
        Event(kind.MESSAGE_EDITED, room_id, 18, NOW_MS + _MINUTE_MS, ada, message=_EDITED),
        Event(kind.MESSAGE_DELETED, room_id, 19, NOW_MS + 2 * _MINUTE_MS, ada, message=_DELETED),
    ]
    return {event.type.value: frames.event_object(event) for event in events}


def error_examples() -> Mapping[str, frames.Json]:
    """Give errors as they differ: refused, refused for now, refused for its fields, and no command at all."""
    payloads = {
        "refused": frames.error("c7", not_found("room")),
        "for now": frames.error(
            "c8", ChatError(ErrorCode.RATE_LIMITED, "Too many requests; come back later.", retry_after_ms=1200)
        ),
        "fields": frames.error("c9", invalid(["seq"], "is above the room's last_seq")),
        "no command": frames.error(None, ChatError(ErrorCode.INVALID_FRAME, "The frame is no JSON.")),
    }
    return {name: decode(payload) for name, payload in payloads.items()}

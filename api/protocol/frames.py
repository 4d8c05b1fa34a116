"""Objects of the wire, as REST bodies and frames show them, from domain objects."""

from collections.abc import Iterable
from typing import Any

from api.domain.errors import ChatError
from api.domain.events import Event
from api.domain.models import Ban, Member, Message, Room, RoomInfo, User, UserRef
from api.protocol.codec import encode
from api.protocol.problems import SPECS
from api.protocol.timestamps import rfc3339, rfc3339_or_none

Json = dict[str, Any]

CLIENT_FRAME_BYTES_MAX = 64 * 1024
SERVER_FRAME_BYTES_MAX = 1024 * 1024


def user_ref(user: UserRef) -> Json:
    """Write `UserRef`."""
    return {"id": user.id, "username": user.username, "display_name": user.display_name}


def user_ref_or_none(user: UserRef | None) -> Json | None:
    """Write a `UserRef` that may be null: `general` was made by nobody."""
    return None if user is None else user_ref(user)


def user_object(user: User) -> Json:
    """Write `User`."""
    return {
        "id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role.value,
        "created_at": rfc3339(user.created_at_ms),
    }


def room_object(room: Room) -> Json:
    """Write `Room`; its `me` is null for who is no member."""
    me = room.me
    return {
        **room_info(room.info),
        "epoch": room.epoch,
        "last_seq": room.last_seq,
        "member_count": room.member_count,
        "created_at": rfc3339(room.created_at_ms),
        "me": None
        if me is None
        else {
            "role": me.role.value,
            "read_seq": me.read_seq,
            "unread_count": me.unread_count,
            "joined_at": rfc3339(me.joined_at_ms),
        },
    }


def room_info(room: RoomInfo) -> Json:
    """Write the room that events carry."""
    return {"id": room.id, "name": room.name, "topic": room.topic, "visibility": room.visibility.value}


def member_object(member: Member) -> Json:
    """Write `Member`."""
    return {"user": user_ref(member.user), "role": member.role.value, "joined_at": rfc3339(member.joined_at_ms)}


def ban_object(ban: Ban) -> Json:
    """Write one row of a room's bans."""
    return {
        "user": user_ref(ban.user),
        "reason": ban.reason,
        "actor": user_ref_or_none(ban.actor),
        "created_at": rfc3339(ban.created_at_ms),
    }


def message_object(message: Message) -> Json:
    """Write `Message`."""
    return {
        "id": message.id,
        "room_id": message.room_id,
        "seq": message.seq,
        "revision": message.revision,
        "author": user_ref(message.author),
        "body": message.body,
        "idempotency_key": message.idempotency_key,
        "created_at": rfc3339(message.created_at_ms),
        "edited_at": rfc3339_or_none(message.edited_at_ms),
        "deleted_at": rfc3339_or_none(message.deleted_at_ms),
    }


def event_object(event: Event) -> Json:
    """Write one event of a room's log."""
    frame: Json = {
        "type": event.type.value,
        "room_id": event.room_id,
        "seq": event.seq,
        "at": rfc3339(event.at_ms),
        "actor": user_ref_or_none(event.actor),
    }
    if event.room is not None:
        frame["room"] = room_info(event.room)
    if event.user is not None:
        frame["user"] = user_ref(event.user)
    if event.role is not None:
        frame["role"] = event.role.value
    if event.message is not None:
        frame["message"] = message_object(event.message)
    return frame


def ack(command_id: str, result: Json) -> bytes:
    """Encode the answer to a command that was carried out."""
    return encode({"type": "ack", "id": command_id, "result": result})


def message_ack(command_id: str, message: Message, *, duplicate: bool) -> bytes:
    """Encode the answer to `message.send`."""
    return ack(command_id, {"message": message_object(message), "duplicate": duplicate})


def error(command_id: str | None, refused: ChatError) -> bytes:
    """Encode the answer to a command that was refused, or to a frame that is no command."""
    frame: Json = {
        "type": "error",
        "id": command_id,
        "code": refused.code.value,
        "detail": refused.detail,
        "retryable": SPECS[refused.code].retryable,
    }
    if refused.retry_after_ms is not None:
        frame["retry_after_ms"] = refused.retry_after_ms
    if refused.errors:
        frame["errors"] = list(refused.errors)
    return encode(frame)


def welcome(  # noqa: PLR0917 - one field of the frame each
    connection_id: str,
    user: User,
    now_ms: int,
    heartbeat_ms: int,
    token_expires_at_ms: int,
    limits: Json,
    rooms: Iterable[Room],
) -> bytes:
    """Encode the first push: the connection is live; `limits` are what the server takes from a client."""
    return encode(
        {
            "type": "welcome",
            "connection_id": connection_id,
            "user": user_object(user),
            "server_time": rfc3339(now_ms),
            "heartbeat_ms": heartbeat_ms,
            "token_expires_at": rfc3339(token_expires_at_ms),
            "limits": limits,
            "rooms": [room_object(room) for room in rooms],
        }
    )


def room_joined(room: Room) -> bytes:
    """Encode the push that opens a room on a live connection; `last_seq` is the live cursor."""
    return encode({"type": "room.joined", "room": room_object(room)})


def room_left(room_id: str, reason: str) -> bytes:
    """Encode the push that ends a room on a live connection: left, removed, banned or deleted."""
    return encode({"type": "room.left", "room_id": room_id, "reason": reason})


def typing(room_id: str, user: UserRef, *, is_typing: bool) -> bytes:
    """Encode the ephemeral that says who writes; clients end it after 6 s."""
    return encode({"type": "typing", "room_id": room_id, "user": user_ref(user), "typing": is_typing})


def read(room_id: str, user: UserRef, read_seq: int) -> bytes:
    """Encode the ephemeral that says how far somebody has read."""
    return encode({"type": "read", "room_id": room_id, "user": user_ref(user), "read_seq": read_seq})


def heartbeat(now_ms: int) -> bytes:
    """Encode the push that says the connection lives."""
    return encode({"type": "heartbeat", "server_time": rfc3339(now_ms)})


def token_expiring(expires_at_ms: int) -> bytes:
    """Encode the push that asks for `token.refresh`."""
    return encode({"type": "token.expiring", "expires_at": rfc3339(expires_at_ms)})


def server_draining(reconnect_after_ms: int) -> bytes:
    """Encode the push that comes before close code 4001."""
    return encode({"type": "server.draining", "reconnect_after_ms": reconnect_after_ms})

"""Objects of the wire as tests make them up."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

AT = "2026-11-22T05:12:00.123Z"
ADA: Json = {"id": "u-ada", "username": "ada", "display_name": "Ada"}
BOB: Json = {"id": "u-bob", "username": "bob", "display_name": "Bob"}


def room(room_id: str = "r1", *, last_seq: int = 0, epoch: str = "e", role: str = "member", name: str = "tea") -> Json:
    return {
        "id": room_id,
        "name": name,
        "topic": "",
        "visibility": "public",
        "epoch": epoch,
        "last_seq": last_seq,
        "member_count": 2,
        "created_at": AT,
        "me": {"role": role, "read_seq": 0, "unread_count": 0, "joined_at": AT},
        "something_new": True,
    }


def message(seq: int, *, room_id: str = "r1", body: str = "hello", key: str | None = None) -> Json:
    return {
        "id": f"m{seq}",
        "room_id": room_id,
        "seq": seq,
        "revision": seq,
        "author": ADA,
        "body": body,
        "idempotency_key": key,
        "created_at": AT,
        "edited_at": None,
        "deleted_at": None,
        "something_new": True,
    }


def event(seq: int, kind: str = "message.created", *, room_id: str = "r1", **fields: object) -> Json:
    more = {"message": message(seq, room_id=room_id)} if kind == "message.created" and not fields else fields
    return {"type": kind, "room_id": room_id, "seq": seq, "at": AT, "actor": ADA, **more}


def page(*events: Json, room_id: str = "r1", last_seq: int | None = None, epoch: str = "e") -> Json:
    last = (events[-1]["seq"] if events else 0) if last_seq is None else last_seq
    return {"room_id": room_id, "items": list(events), "last_seq": last, "epoch": epoch, "has_more": False}


def welcome(*rooms: Json, heartbeat_ms: int = 25_000, connection_id: str = "c") -> Json:
    return {
        "type": "welcome",
        "connection_id": connection_id,
        "user": {**ADA, "role": "user", "created_at": AT},
        "server_time": AT,
        "heartbeat_ms": heartbeat_ms,
        "token_expires_at": AT,
        "limits": {"frame_bytes": 65_536, "body_chars": 4_000, "messages": None},
        "rooms": list(rooms),
        "something_new": True,
    }

"""One small story that all examples of the documents are taken from: Ada and Bob talk in the room Tea."""

from typing import Any, Final

from pydantic import ConfigDict

USER_ID: Final = "01a20464-064f-7573-b605-3c98fc225560"
ROOM_ID: Final = "01a20465-1b2c-7d4e-8f50-617283940a1b"
MESSAGE_ID: Final = "01a20466-2c3d-7e4f-9a5b-6c7d8e9f0a1b"
SESSION_ID: Final = "01a20464-3d4e-7f50-8a6b-7c8d9e0f1a2b"
REQUEST_ID: Final = "01a20467-4e5f-7061-8b7c-8d9e0f1a2b3c"
EPOCH: Final = "3f9a1c0e5b7d2468"
KEY: Final = "0b7e2a4c-tea-1"
CURSOR: Final = "gaywcmrqgq3dkljrmizggljxmq2gkljymy2taljwge3teobthe2dayjrmi"
PASSWORD: Final = "a long walk by the sea"  # noqa: S105 - nobody's
ACCESS_TOKEN: Final = "<header>.<claims>.<signature>"  # noqa: S105 - none
REFRESH_TOKEN: Final = "x6Tq0pYw2mJ4nR8sV1bK5dF7hL3zC9gA0eU2iO4tQ6w"  # noqa: S105 - nobody's

MESSAGE_BODY: Final = "The kettle is on."

ADA: Final = {"id": USER_ID, "username": "ada", "display_name": "Ada Lovelace"}
USER: Final = {**ADA, "role": "user", "created_at": "2026-11-20T08:30:00.000Z"}
BOB: Final = {"id": "01a20464-5f60-7172-9c8d-9e0f1a2b3c4d", "username": "bob", "display_name": "Bob"}
TEA: Final = {"id": ROOM_ID, "name": "Tea", "topic": "Leaves, no bags", "visibility": "public"}
ROOM: Final = {
    **TEA,
    "epoch": EPOCH,
    "last_seq": 17,
    "member_count": 2,
    "created_at": "2026-11-22T05:00:00.000Z",
    "me": {"role": "owner", "read_seq": 16, "unread_count": 1, "joined_at": "2026-11-22T05:00:00.000Z"},
}
MEMBER: Final = {"user": BOB, "role": "member", "joined_at": "2026-11-22T05:01:00.000Z"}
BAN: Final = {"user": BOB, "reason": "Drank all the tea", "actor": ADA, "created_at": "2026-11-22T06:00:00.000Z"}
MESSAGE: Final = {
    "id": MESSAGE_ID,
    "room_id": ROOM_ID,
    "seq": 17,
    "revision": 17,
    "author": ADA,
    "body": MESSAGE_BODY,
    "idempotency_key": KEY,
    "created_at": "2026-11-22T05:12:00.123Z",
    "edited_at": None,
    "deleted_at": None,
}


def example(value: dict[str, Any]) -> ConfigDict:
    """Give a model one whole example in its schema."""
    return ConfigDict(json_schema_extra={"examples": [value]})

"""Objects of the wire: REST and socket show the same, and all of the contract's members."""

from __future__ import annotations

from typing import Any, get_args

import orjson
import pytest
from pydantic import BaseModel, ConfigDict

from api.domain.errors import ChatError, ErrorCode, FieldError
from api.domain.events import Event, EventType
from api.domain.models import (
    Ban,
    Member,
    Membership,
    Message,
    Role,
    Room,
    RoomInfo,
    User,
    UserRef,
    UserRole,
    Visibility,
)
from api.protocol import events, frames, objects

NOW_MS = 1_795_324_320_123
NOW = "2026-11-22T05:12:00.123Z"
ID, OTHER = "01980000-0000-7000-8000-000000000001", "01980000-0000-7000-8000-000000000002"
ADA, BOB = UserRef(ID, "ada", "Ada"), UserRef(OTHER, "bob", "Bob")
INFO = RoomInfo(ID, "Tea", "a topic", Visibility.PUBLIC)
MESSAGE = Message(OTHER, ID, 3, 4, ADA, "hello", "k", NOW_MS, NOW_MS, None)
MEMBERSHIP = Membership(Role.OWNER, 2, 1, NOW_MS)
ROOM = Room(ID, "Tea", "a topic", Visibility.PUBLIC, "e1", 4, 2, NOW_MS, is_default=False, me=MEMBERSHIP)


def strict(model: type[BaseModel]) -> type[BaseModel]:
    """Refuse members that a response model does not document."""
    return type(f"Strict{model.__name__}", (model,), {"model_config": ConfigDict(extra="forbid", strict=True)})


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (objects.User, frames.user_object(User(ID, "ada", "Ada", UserRole.ADMIN, NOW_MS))),
        (objects.UserRef, frames.user_ref(ADA)),
        (objects.Room, frames.room_object(ROOM)),
        (objects.Member, frames.member_object(Member(ADA, Role.MODERATOR, NOW_MS))),
        (objects.Ban, frames.ban_object(Ban(ADA, "noise", None, NOW_MS))),
        (objects.Ban, frames.ban_object(Ban(ADA, "", BOB, NOW_MS))),
        (objects.Message, frames.message_object(MESSAGE)),
    ],
)
def test_what_the_socket_shows_is_what_rest_documents(model: type[BaseModel], shown: dict[str, Any]) -> None:
    """FastAPI drops what a response model lacks, so neither may have a member more than the other."""
    assert strict(model).model_validate(shown).model_dump() == shown
    assert set(shown) == set(model.model_fields)


def test_a_room_of_others_has_no_me() -> None:
    shown = frames.room_object(Room(ID, "Tea", "", Visibility.PRIVATE, "e1", 4, 2, NOW_MS, is_default=False, me=None))
    assert shown["me"] is None
    assert strict(objects.Room).model_validate(shown).model_dump() == shown


EVENTS: list[tuple[Event, set[str]]] = [
    (Event(EventType.ROOM_CREATED, ID, 1, NOW_MS, None, room=INFO), {"room"}),
    (Event(EventType.ROOM_UPDATED, ID, 2, NOW_MS, ADA, room=INFO), {"room"}),
    (Event(EventType.ROOM_DELETED, ID, 2, NOW_MS, ADA), set()),
    (Event(EventType.MEMBER_JOINED, ID, 2, NOW_MS, ADA, user=BOB, role=Role.MEMBER), {"user", "role"}),
    (Event(EventType.MEMBER_LEFT, ID, 2, NOW_MS, BOB, user=BOB), {"user"}),
    (Event(EventType.MEMBER_REMOVED, ID, 2, NOW_MS, ADA, user=BOB), {"user"}),
    (Event(EventType.MEMBER_BANNED, ID, 2, NOW_MS, ADA, user=BOB), {"user"}),
    (Event(EventType.MEMBER_UNBANNED, ID, 2, NOW_MS, ADA, user=BOB), {"user"}),
    (Event(EventType.MEMBER_ROLE_CHANGED, ID, 2, NOW_MS, ADA, user=BOB, role=Role.OWNER), {"user", "role"}),
    (Event(EventType.MESSAGE_CREATED, ID, 3, NOW_MS, ADA, message=MESSAGE), {"message"}),
    (Event(EventType.MESSAGE_EDITED, ID, 4, NOW_MS, ADA, message=MESSAGE), {"message"}),
    (Event(EventType.MESSAGE_DELETED, ID, 5, NOW_MS, ADA, message=MESSAGE), {"message"}),
]


def test_here_is_every_type_of_event() -> None:
    assert {event.type for event, _members in EVENTS} == set(EventType)


@pytest.mark.parametrize(("event", "members"), EVENTS, ids=lambda value: value.type if isinstance(value, Event) else "")
def test_an_event_has_the_members_of_its_type(event: Event, members: set[str]) -> None:
    shown = frames.event_object(event)
    assert set(shown) == {"type", "room_id", "seq", "at", "actor"} | members
    assert (shown["type"], shown["room_id"], shown["seq"], shown["at"]) == (event.type.value, ID, event.seq, NOW)
    (model,) = [model for model in events.EVENTS if get_args(model.model_fields["type"].annotation) == (event.type,)]
    assert strict(model).model_validate(shown).model_dump() == shown
    if "room" in members:
        assert shown["room"] == {"id": ID, "name": "Tea", "topic": "a topic", "visibility": "public"}
    if "message" in members:
        assert shown["message"] == frames.message_object(MESSAGE)


@pytest.mark.parametrize(
    ("payload", "frame"),
    [
        (frames.ack("c1", {}), {"type": "ack", "id": "c1", "result": {}}),
        (
            frames.message_ack("c1", MESSAGE, duplicate=True),
            {"type": "ack", "id": "c1", "result": {"message": frames.message_object(MESSAGE), "duplicate": True}},
        ),
        (frames.room_joined(ROOM), {"type": "room.joined", "room": frames.room_object(ROOM)}),
        (frames.room_left(ID, "banned"), {"type": "room.left", "room_id": ID, "reason": "banned"}),
        (
            frames.typing(ID, ADA, is_typing=True),
            {"type": "typing", "room_id": ID, "user": frames.user_ref(ADA), "typing": True},
        ),
        (frames.read(ID, ADA, 7), {"type": "read", "room_id": ID, "user": frames.user_ref(ADA), "read_seq": 7}),
        (frames.heartbeat(NOW_MS), {"type": "heartbeat", "server_time": NOW}),
        (frames.token_expiring(NOW_MS), {"type": "token.expiring", "expires_at": NOW}),
        (frames.server_draining(1500), {"type": "server.draining", "reconnect_after_ms": 1500}),
    ],
)
def test_a_frame_is_what_the_contract_says(payload: bytes, frame: dict[str, Any]) -> None:
    assert orjson.loads(payload) == frame


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_frame_has_what_is_known_and_no_more(code: ErrorCode) -> None:
    plain = orjson.loads(frames.error(None, ChatError(code, "Because.")))
    assert set(plain) == {"type", "id", "code", "detail", "retryable"}
    assert (plain["type"], plain["id"], plain["code"]) == ("error", None, code.value)
    errors = [FieldError(loc=["body"], msg="is empty", type="value_error")]
    full = orjson.loads(frames.error("c1", ChatError(code, "Because.", retry_after_ms=0, errors=errors)))
    assert full == plain | {"id": "c1", "retry_after_ms": 0, "errors": errors}


def test_text_goes_out_as_utf_8() -> None:
    assert "\N{SNOWMAN}".encode() in frames.ack("c1", {"body": "\N{SNOWMAN}"})

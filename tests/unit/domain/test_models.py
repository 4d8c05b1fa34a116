"""The nouns' few rules."""

from __future__ import annotations

from itertools import pairwise

import pytest

from api.domain.errors import ErrorCode, forbidden, invalid, not_found
from api.domain.events import DEPARTURES, Event, EventType
from api.domain.models import Message, Role, User, UserRef, UserRole

ADA, BOB = UserRef("1", "ada", "Ada"), UserRef("2", "bob", "Bob")


def test_an_owner_stands_above_a_moderator_above_a_member() -> None:
    assert all(higher.rank > lower.rank for higher, lower in pairwise([Role.OWNER, Role.MODERATOR, Role.MEMBER]))


@pytest.mark.parametrize("event_type", EventType)
def test_who_sees_a_room_from_an_event_on_and_who_no_more(event_type: EventType) -> None:
    event = Event(event_type, "room", 1, 0, ADA, user=BOB)
    joiners = {EventType.ROOM_CREATED: ADA, EventType.MEMBER_JOINED: BOB}
    leavers = dict.fromkeys((EventType.MEMBER_LEFT, EventType.MEMBER_REMOVED, EventType.MEMBER_BANNED), BOB)
    assert event.joiner == joiners.get(event_type)
    assert event.leaver == leavers.get(event_type)


def test_the_reason_of_a_departure_is_the_events_own_word() -> None:
    assert {event_type.value: reason for event_type, reason in DEPARTURES.items()} == {
        f"member.{reason}": reason for reason in ("left", "removed", "banned")
    }


def test_the_default_room_was_made_by_nobody() -> None:
    assert Event(EventType.ROOM_CREATED, "room", 1, 0, None).joiner is None


def test_a_new_message_is_its_event() -> None:
    message = Message("m", "room", 7, 7, ADA, "hello", None, 5, None, None)
    assert Event.of_message(message) == Event(EventType.MESSAGE_CREATED, "room", 7, 5, ADA, message=message)


def test_an_admin_is_told_from_a_user() -> None:
    assert User("1", "ada", "Ada", UserRole.ADMIN, 0).is_admin
    assert not User("1", "ada", "Ada", UserRole.USER, 0).is_admin
    assert User("1", "ada", "Ada", UserRole.USER, 0).ref == ADA


def test_errors_carry_their_code() -> None:
    assert (not_found("room").code, forbidden().code) == (ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN)
    error = invalid(["seq"], "is too high")
    assert error.code is ErrorCode.VALIDATION_ERROR
    assert list(error.errors) == [{"loc": ["seq"], "msg": "is too high", "type": "value_error"}]

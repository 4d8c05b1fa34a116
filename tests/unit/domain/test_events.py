"""Who comes into a room by an event, and who goes out."""

from __future__ import annotations

import pytest

from api.domain.events import DEPARTURES, Event, EventType
from api.domain.models import Message, UserRef

ADA = UserRef("1", "ada", "Ada")
BOB = UserRef("2", "bob", "Bob")


def event(event_type: EventType) -> Event:
    return Event(event_type, "r", 7, 1000, actor=ADA, user=BOB)


@pytest.mark.parametrize("event_type", EventType)
def test_who_joined_or_made_the_room_sees_it_from_there_on(event_type: EventType) -> None:
    joiners = {EventType.MEMBER_JOINED: BOB, EventType.ROOM_CREATED: ADA}
    assert event(event_type).joiner == joiners.get(event_type)


@pytest.mark.parametrize("event_type", EventType)
def test_who_left_was_removed_or_banned_sees_nothing_more(event_type: EventType) -> None:
    leaves = event_type in {EventType.MEMBER_LEFT, EventType.MEMBER_REMOVED, EventType.MEMBER_BANNED}
    assert event(event_type).leaver == (BOB if leaves else None)


def test_every_departure_has_a_word_for_the_client() -> None:
    assert sorted(DEPARTURES.values()) == ["banned", "left", "removed"]


def test_a_room_that_nobody_made_has_no_joiner() -> None:
    assert Event(EventType.ROOM_CREATED, "r", 1, 1000, actor=None).joiner is None


def test_a_message_is_the_event_of_its_making() -> None:
    message = Message("m", "r", 4, 6, ADA, "edited", "key", 1000, 2000, None)
    made = Event.of_message(message)
    assert (made.type, made.room_id, made.seq, made.at_ms, made.actor) == (
        *(EventType.MESSAGE_CREATED, "r", 4),
        *(1000, ADA),
    )
    assert made.message is message, "as it is now"
    assert (made.joiner, made.leaver) == (None, None)

"""What every broker promises, and what nobody may count on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from api.broadcast.base import EphemeralHint, EventHint, Hint
from api.domain.events import Event, EventType
from tests.contract.backends import BROKERS, Doors

ROOM, OTHER_ROOM = "room", "other room"


def hint(seq: int, room_id: str = ROOM) -> EventHint:
    return EventHint(Event(EventType.ROOM_UPDATED, room_id, seq, 0, None))


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Hint] = []

    def __call__(self, heard: Hint) -> None:
        self.heard.append(heard)


@pytest_asyncio.fixture(params=list(BROKERS))
async def doors(request: pytest.FixtureRequest) -> AsyncIterator[Doors]:
    async with BROKERS[request.param]() as opened:
        yield opened


def hears(doors: Doors, ear: Ear, *hints: Hint) -> bool:
    """Tell whether it heard all of these and nothing else, in any order; a lossy broker may keep some back."""
    if any(heard not in hints for heard in ear.heard):
        return False
    return not doors.is_lossless or all(one in ear.heard for one in hints)


async def test_once_subscribed_one_hears_everything_that_the_others_publish(doors: Doors) -> None:
    ear, sender = Ear(), Ear()
    await doors.here.subscribe(ROOM, ear)
    hints = [hint(seq) for seq in range(1, 21)]
    for one in hints:
        doors.there.publish(ROOM, one, sender)
    await doors.settle()
    assert hears(doors, ear, *hints)
    assert ear.heard or not doors.is_lossless


async def test_the_sender_does_not_hear_himself(doors: Doors) -> None:
    ears = [Ear(), Ear()]
    await doors.here.subscribe(ROOM, ears[0])
    await doors.there.subscribe(ROOM, ears[1])
    doors.here.publish(ROOM, hint(1), ears[0])
    await doors.settle()
    assert ears[0].heard == []
    assert hears(doors, ears[1], hint(1))


async def test_a_sender_need_not_be_subscribed(doors: Doors) -> None:
    ear = Ear()
    await doors.here.subscribe(ROOM, ear)
    doors.there.publish(ROOM, hint(1), Ear())
    await doors.settle()
    assert hears(doors, ear, hint(1))


async def test_one_hears_of_the_rooms_that_one_asked_for(doors: Doors) -> None:
    ear = Ear()
    await doors.here.subscribe(ROOM, ear)
    doors.there.publish(OTHER_ROOM, hint(1, OTHER_ROOM), Ear())
    doors.there.publish(ROOM, hint(2), Ear())
    await doors.settle()
    assert hears(doors, ear, hint(2))


async def test_after_unsubscribing_one_hears_nothing_of_what_is_published(doors: Doors) -> None:
    ear = Ear()
    await doors.here.subscribe(ROOM, ear)
    await doors.here.unsubscribe(ROOM, ear)
    doors.there.publish(ROOM, hint(1), Ear())
    await doors.settle()
    assert ear.heard == []


async def test_one_unsubscribing_takes_one_subscribing_back(doors: Doors) -> None:
    """A room may be followed anew before its last subscription is gone: that end must not take the new beginning."""
    ear = Ear()
    await doors.here.subscribe(ROOM, ear)
    await doors.here.subscribe(ROOM, ear)
    await doors.here.unsubscribe(ROOM, ear)
    doors.there.publish(ROOM, hint(1), Ear())
    await doors.settle()
    assert hears(doors, ear, hint(1))
    await doors.here.unsubscribe(ROOM, ear)
    ear.heard.clear()
    doors.there.publish(ROOM, hint(2), Ear())
    await doors.settle()
    assert ear.heard == []


async def test_unsubscribing_what_was_not_subscribed_is_harmless(doors: Doors) -> None:
    ear = Ear()
    await doors.here.unsubscribe(ROOM, Ear())
    await doors.here.subscribe(ROOM, ear)
    await doors.here.unsubscribe(ROOM, Ear())
    doors.there.publish(ROOM, hint(1), Ear())
    await doors.settle()
    assert hears(doors, ear, hint(1))


async def test_publishing_to_nobody_is_harmless_and_does_not_wait(doors: Doors) -> None:
    for seq in range(1000):
        doors.here.publish(ROOM, hint(seq), Ear())
    await doors.settle()


async def test_a_hint_never_comes_out_of_publish_itself(doors: Doors) -> None:
    """A manager publishes in the middle of its work; what others make of it comes later."""
    ear = Ear()
    await doors.here.subscribe(ROOM, ear)
    doors.there.publish(ROOM, hint(1), Ear())
    assert ear.heard == []
    await doors.settle()


async def test_pushes_that_are_no_events_go_the_same_way(doors: Doors) -> None:
    ear = Ear()
    await doors.here.subscribe(ROOM, ear)
    typing = EphemeralHint(ROOM, b'{"type":"typing"}', "ada", to_own=False, to_others=True)
    doors.there.publish(ROOM, typing, Ear())
    await doors.settle()
    assert hears(doors, ear, typing)

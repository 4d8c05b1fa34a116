"""What a dispatcher tells of itself and what it keeps, from before its beginning until after its end."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest_asyncio

from api.domain.events import EventType
from api.domain.models import UserRef
from tests.unit.broadcast.room import ROOM, Room, event

WAIT_S = 5


@pytest_asyncio.fixture
async def room() -> Room:
    return Room()


async def test_before_it_begins_it_knows_nothing_and_keeps_nobody_waiting(room: Room) -> None:
    assert room.dispatcher.member_count is None
    room.dispatcher.notice(3)
    async with asyncio.timeout(WAIT_S):
        await room.dispatcher.reach(3)
    await room.stage.settle()
    assert room.reads == []


async def test_it_begins_without_reading_what_it_was_told_already(room: Room) -> None:
    room.dispatcher.notice(3)
    room.begin(head=3)
    await room.stage.settle()
    assert (room.reads, room.stats.refills) == ([], 0)


async def test_a_new_one_has_nothing_to_read(room: Room) -> None:
    room.begin()
    await room.stage.settle()
    assert (room.reads, room.stats.refills) == ([], 0)


async def test_nobody_waits_for_what_was_delivered(room: Room) -> None:
    room.begin(head=4)
    async with asyncio.timeout(WAIT_S):
        await room.dispatcher.reach(4)


async def test_after_its_end_nobody_waits(room: Room) -> None:
    room.begin()
    room.dispatcher.deactivate()
    async with asyncio.timeout(WAIT_S):
        await room.dispatcher.reach(1)


async def test_it_is_idle_while_nobody_is_in_the_room_and_nothing_is_read(room: Room) -> None:
    was_idle = {"before it begins": room.dispatcher.is_idle}
    room.dispatcher.activate(0)
    was_idle["with nobody"] = room.dispatcher.is_idle
    room.dispatcher.add(room.ada)
    was_idle["with ada"] = room.dispatcher.is_idle
    room.dispatcher.discard(room.ada)
    room.write(event(1), event(2))
    room.dispatcher.offer(room.log[1])
    was_idle["while a message that somebody waits for may be read"] = room.dispatcher.is_idle
    await room.stage.take_all()
    was_idle["when all is read"] = room.dispatcher.is_idle
    room.dispatcher.deactivate()
    was_idle["after its end"] = room.dispatcher.is_idle
    assert [when for when, is_idle in was_idle.items() if is_idle] == ["with nobody", "when all is read"]


async def test_what_is_above_its_head_is_still_to_come(room: Room) -> None:
    assert not room.dispatcher.will_deliver(1), "it has not begun"
    room.begin(head=4)
    assert [room.dispatcher.will_deliver(seq) for seq in (3, 4, 5)] == [False, False, True]


async def test_every_recount_makes_each_answer_before_it_out_of_date(room: Room) -> None:
    answers = [room.dispatcher.recounts]
    for _ in range(3):
        room.dispatcher.recount()
        answers.append(room.dispatcher.recounts)
    assert len(set(answers)) == len(answers)


async def test_a_connection_and_its_room_know_of_each_other(room: Room) -> None:
    room.begin()
    assert room.ada in room.dispatcher
    assert list(room.dispatcher.connections()) == [room.ada]
    assert room.ada.room_ids == {ROOM}
    room.dispatcher.discard(room.ada)
    assert room.ada not in room.dispatcher
    assert list(room.dispatcher.connections()) == []
    assert room.ada.room_ids == set()


async def test_at_the_end_of_a_room_what_is_known_of_its_members_is_old(room: Room) -> None:
    room.begin()
    assert room.dispatcher.is_current("bob", 0)
    room.dispatcher.offer(event(1, EventType.ROOM_DELETED))
    assert not room.dispatcher.is_current("bob", 0)
    assert room.dispatcher.is_current("bob", 1)


async def test_it_does_not_keep_who_was_woken(room: Room) -> None:
    room.begin()
    room.write(*(event(seq) for seq in range(1, 101)))
    waiting = [asyncio.ensure_future(room.dispatcher.reach(seq)) for seq in range(1, 101)]
    await room.stage.take_all()
    await asyncio.gather(*waiting)
    gc.collect()
    assert sum(type(one) is asyncio.Future for one in gc.get_objects()) < 20, "tasks are not of this very type"


async def test_it_does_not_keep_whose_change_it_has_forgotten(room: Room) -> None:
    class Name(str):
        """A text whose end can be seen."""

        __slots__ = ("__weakref__",)

    room.begin()
    name = Name("bob")
    kept = weakref.ref(name)
    room.dispatcher.offer(event(1, EventType.MEMBER_BANNED, user=UserRef(name, "bob", "bob")))
    del name
    assert kept() is not None
    room.dispatcher.forget_changes()
    gc.collect()
    assert kept() is None

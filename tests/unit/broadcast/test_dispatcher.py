"""One room on one node, without a node around it."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from api.broadcast import dispatcher as module
from api.broadcast.dispatcher import REFILL_LIMIT
from api.domain.events import EventType
from tests.unit.broadcast.connections import RecordingConnection
from tests.unit.broadcast.room import BOB, ROOM, Room, event


@pytest_asyncio.fixture
async def room() -> Room:
    return Room()


async def test_the_next_event_is_delivered_and_what_was_delivered_is_dropped(room: Room) -> None:
    room.begin(head=4)
    for seq in (5, 5, 3, 6, 5, 6):
        room.dispatcher.offer(event(seq))
    assert await room.seen() == [5, 6]
    room.dispatcher.notice(6)
    assert await room.seen() == [5, 6]
    assert (room.reads, room.stats.refills) == ([], 0)
    assert room.stats.deliveries == 2


async def test_a_hole_is_filled_once_whatever_comes_meanwhile(room: Room) -> None:
    room.begin(head=2)
    room.write(*(event(seq) for seq in range(1, 8)))
    for seq in (5, 7, 6):
        room.dispatcher.offer(room.log[seq - 1])
    await room.stage.settle()
    assert room.reads == [2]
    room.dispatcher.offer(room.log[2])
    assert await room.seen() == [3], "what comes in its turn does not wait for the refill"
    with capture_logs() as logs:
        await room.stage.take_all()
    assert await room.seen() == [3, 4, 5, 6, 7]
    filled = {"event": "dispatcher.refilled", "log_level": "info", "room_id": ROOM, "after_seq": 2, "events": 5}
    assert logs == [filled]
    room.write(event(8), event(9))
    room.dispatcher.offer(room.log[8])
    await room.stage.take_all()
    assert room.stats.refills == 2


async def test_a_refill_goes_on_page_by_page(room: Room) -> None:
    room.begin()
    room.write(*(event(seq) for seq in range(1, 2 * REFILL_LIMIT + 2)))
    room.dispatcher.notice(len(room.log))
    await room.stage.take_all()
    assert await room.seen() == list(range(1, 2 * REFILL_LIMIT + 2))
    assert room.reads == [0, REFILL_LIMIT, 2 * REFILL_LIMIT]


async def test_an_event_that_comes_while_the_last_page_is_read_is_not_left_behind(room: Room) -> None:
    room.begin()
    room.write(event(1), event(2))
    room.dispatcher.notice(2)
    await room.stage.settle()
    room.write(event(3), event(4))
    room.dispatcher.offer(room.log[3])
    await room.stage.take_all()
    assert await room.seen() == [1, 2, 3, 4]


async def test_a_hint_of_what_cannot_be_read_yet_is_no_endless_loop(room: Room) -> None:
    room.begin()
    room.dispatcher.notice(3)
    await room.stage.take_all()
    assert room.reads == [0]
    room.write(*(event(seq) for seq in range(1, 4)))
    room.dispatcher.notice(3)
    await room.stage.take_all()
    assert await room.seen() == [1, 2, 3]


async def test_a_store_that_is_away_is_left_alone_for_a_while(room: Room) -> None:
    room.begin()
    room.failures = 1
    room.write(event(1), event(2))
    room.dispatcher.offer(room.log[1])
    await room.stage.take_all()
    assert room.reads == [0]
    room.dispatcher.deactivate()


async def test_a_refill_outlives_a_store_that_is_away(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFILL_RETRY_S", 0)
    room.begin()
    room.failures = 3
    room.write(event(1), event(2))
    room.dispatcher.offer(room.log[1])
    await room.stage.take_all()
    assert await room.seen() == [1, 2]
    assert len(room.reads) == 4


async def test_before_it_begins_it_delivers_nothing_and_forgets_nothing(room: Room) -> None:
    room.write(*(event(seq) for seq in range(1, 8)))
    room.dispatcher.offer(room.log[6])
    assert not room.dispatcher.is_active
    room.begin(head=5)
    await room.stage.take_all()
    assert await room.seen() == [6, 7]


async def test_who_waits_for_a_place_is_woken_there_and_not_before(room: Room) -> None:
    room.begin()
    room.write(*(event(seq) for seq in range(1, 4)))
    waiting = [asyncio.ensure_future(room.dispatcher.reach(seq)) for seq in (1, 3)]
    await room.stage.settle()
    room.dispatcher.offer(room.log[0])
    await room.stage.settle()
    assert [one.done() for one in waiting] == [True, False]
    await room.stage.take_all()
    assert waiting[1].done()
    await room.dispatcher.reach(2)


async def test_an_event_that_breaks_keeps_nobody_waiting_and_nobodys_membership_is_believed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.begin()
    waiting = asyncio.ensure_future(room.dispatcher.reach(1))
    await room.stage.settle()
    monkeypatch.setattr(module, "encode", _broken)
    with pytest.raises(LookupError):
        room.dispatcher.offer(event(1, EventType.MEMBER_BANNED, user=BOB.ref))
    await room.stage.settle()
    assert waiting.done(), "a connection on its way in would wait for ever"
    assert not room.dispatcher.is_current("bob", 0), "he was banned since"
    assert room.dispatcher.is_current("bob", 1)
    await room.stage.take_all()


def _broken(_value: object) -> bytes:
    raise LookupError("a fault")


async def test_its_end_wakes_everybody_and_stops_the_refill(room: Room) -> None:
    room.begin()
    room.write(event(1))
    waiting, tired = [asyncio.ensure_future(room.dispatcher.reach(9)) for _ in range(2)]
    await room.stage.settle()
    tired.cancel()
    await room.stage.settle()
    room.dispatcher.deactivate()
    await room.stage.take_all()
    assert waiting.done()
    assert await room.seen() == []
    assert not room.dispatcher.is_current("ada", 0)
    room.dispatcher.offer(event(1))
    assert await room.seen() == []


@pytest.mark.parametrize("event_type", [EventType.MEMBER_LEFT, EventType.MEMBER_REMOVED, EventType.MEMBER_BANNED])
async def test_a_departure_is_the_last_thing_its_user_gets_and_the_others_get_the_event(
    room: Room, event_type: EventType
) -> None:
    bobs = [RecordingConnection(f"c{number}", BOB, "s2") for number in range(2)]
    room.begin()
    for one in bobs:
        room.dispatcher.add(one)
    room.dispatcher.offer(event(1, event_type, user=BOB.ref))
    room.dispatcher.offer(event(2))
    assert await room.seen() == [1, 2]
    for one in bobs:
        assert [frame["type"] for frame in one.frames] == ["room.left"]
        assert one.frames[0]["room_id"] == ROOM
        assert one.frames[0]["reason"] == event_type.value.removeprefix("member.")
        assert one not in room.dispatcher
        assert not one.room_ids


async def test_a_joiner_is_told_to_the_manager_and_the_count_of_members_is_out_of_date(room: Room) -> None:
    room.begin()
    counts = []
    recounts = room.dispatcher.recounts
    room.dispatcher.member_count = 1
    counts.append(room.dispatcher.member_count)
    room.dispatcher.offer(event(1, EventType.MEMBER_JOINED, user=BOB.ref))
    counts.append(room.dispatcher.member_count)
    assert room.joined == [("bob", ROOM)]
    assert counts == [1, None]
    assert room.dispatcher.recounts > recounts, "an answer that is on its way is out of date, too"


async def test_at_the_end_of_a_room_everybody_gets_the_event_and_then_room_left(room: Room) -> None:
    room.begin()
    room.dispatcher.offer(event(1, EventType.ROOM_DELETED))
    await room.stage.settle()
    assert [frame["type"] for frame in room.ada.frames] == ["room.deleted", "room.left"]
    assert room.ada.frames[1]["reason"] == "deleted"
    assert room.ada not in room.dispatcher


async def test_what_is_known_of_a_membership_grows_old_with_each_change_of_it(room: Room) -> None:
    room.begin(head=5)
    assert not room.dispatcher.is_current("bob", 4), "from before its time"
    assert room.dispatcher.is_current("bob", 5)
    room.dispatcher.offer(event(6, EventType.MEMBER_BANNED, user=BOB.ref))
    assert not room.dispatcher.is_current("bob", 5)
    assert room.dispatcher.is_current("ada", 5)
    assert room.dispatcher.is_current("bob", 6)
    room.dispatcher.forget_changes()
    assert not room.dispatcher.is_current("ada", 5), "it has forgotten"
    assert room.dispatcher.is_current("bob", 6)

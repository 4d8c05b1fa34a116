"""Filling a hole from the store, when the store is late or the reading breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from api.broadcast.dispatcher import Dispatcher
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.domain.events import Event, EventType

ROOM = "room"
WAIT_S = 5


def event(seq: int) -> Event:
    return Event(EventType.ROOM_UPDATED, ROOM, seq, 0, None)


def dispatcher_on(read: Callable[[str, int, int], Awaitable[list[Event]]]) -> Dispatcher:
    made = Dispatcher(ROOM, read_events=read, origins={}, on_joined=lambda *_: None, stats=NodeStats())
    made.activate(0)
    return made


@pytest.mark.parametrize("hinted", [2, 3])
async def test_what_is_noticed_while_an_empty_page_is_read_is_looked_for_again(hinted: int) -> None:
    """Also where it is the same `seq` as before: the page began before the commit, the second notice came after it."""
    is_reading, may_go_on = asyncio.Event(), asyncio.Event()
    log: list[Event] = []

    async def read(_room_id: str, after_seq: int, _limit: int) -> list[Event]:
        page = [one for one in log if one.seq > after_seq]
        is_reading.set()
        await may_go_on.wait()
        return page

    dispatcher = dispatcher_on(read)
    dispatcher.notice(hinted)
    async with asyncio.timeout(WAIT_S):
        await is_reading.wait()
        log += [event(1), event(2), event(3)]
        waiting = asyncio.ensure_future(dispatcher.reach(3))
        await asyncio.sleep(0)
        may_go_on.set()
        await waiting
    assert dispatcher.head == 3


async def test_a_reading_that_breaks_lets_nobody_wait_and_is_tried_again() -> None:
    broken = True

    async def read(_room_id: str, after_seq: int, _limit: int) -> list[Event]:
        if broken:
            raise RuntimeError("a fault of the program")
        return [one for one in (event(1), event(2)) if one.seq > after_seq]

    dispatcher = dispatcher_on(read)
    async with asyncio.timeout(WAIT_S):
        with capture_logs() as logs, pytest.raises(ChatError) as caught:
            await dispatcher.reach(2)
        assert (caught.value.code, caught.value.retry_after_ms) == (ErrorCode.UNAVAILABLE, 500)
        assert caught.value.detail
        assert [(line["event"], line["room_id"], str(line["exc_info"])) for line in logs] == [
            ("broadcast.failed", ROOM, "a fault of the program")
        ]
        broken = False
        await dispatcher.reach(2)
    assert dispatcher.head == 2


async def test_who_has_given_up_waiting_keeps_nobody_from_being_woken_or_told() -> None:
    """Whatever the end of the wait: the event, or that it cannot be read."""
    may_go_on = asyncio.Event()

    async def read(_room_id: str, _after_seq: int, _limit: int) -> list[Event]:
        await may_go_on.wait()
        raise RuntimeError("a fault of the program")

    async def two_wait_and_one_gives_up(seq: int) -> asyncio.Future[None]:
        tired, patient = [asyncio.ensure_future(dispatcher.reach(seq)) for _ in range(2)]
        await asyncio.sleep(0)
        tired.cancel()
        await asyncio.sleep(0)
        return patient

    dispatcher = dispatcher_on(read)
    async with asyncio.timeout(WAIT_S):
        woken = await two_wait_and_one_gives_up(1)
        dispatcher.offer(event(1))
        await woken
        told = await two_wait_and_one_gives_up(3)
        with capture_logs():
            may_go_on.set()
            with pytest.raises(ChatError, match="unavailable"):
                await told

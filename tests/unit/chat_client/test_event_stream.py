"""The events on their way to the application."""

from __future__ import annotations

import asyncio

import pytest

from chat_client.errors import ConnectionClosedError
from chat_client.event_stream import EventStream
from chat_client.events import AnyEvent, Draining, RoomReset


def stream(bound: int = 10) -> tuple[EventStream, list[str]]:
    spaces: list[str] = []
    return EventStream(bound=bound, on_space=lambda: spaces.append("space")), spaces


def resets(*numbers: int) -> list[AnyEvent]:
    return [RoomReset(str(number)) for number in numbers]


async def test_events_come_out_in_order_and_a_reader_waits_for_them() -> None:
    events, _ = stream()
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    events.put(resets(1, 2))
    assert [await waiting, await anext(events)] == resets(1, 2)


async def test_closing_ends_the_iteration_behind_what_there_is() -> None:
    events, _ = stream()
    events.put(resets(1))
    events.close()
    assert [event async for event in events] == resets(1)


async def test_an_error_is_raised_once_behind_what_there_is() -> None:
    events, _ = stream()
    events.put(resets(1))
    events.close(ConnectionClosedError(4500, "session_revoked"))
    events.close()
    assert await anext(events) == RoomReset("1")
    with pytest.raises(ConnectionClosedError):
        await anext(events)
    assert [event async for event in events] == []


async def test_a_waiting_reader_hears_of_the_end() -> None:
    events, _ = stream()
    waiting = asyncio.create_task(anext(events, None))
    await asyncio.sleep(0)
    events.close()
    assert await waiting is None


async def test_a_cancelled_reader_loses_nothing() -> None:
    events, _ = stream()
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    events.put(resets(1))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await anext(events) == RoomReset("1")


async def test_there_is_one_reader() -> None:
    events, _ = stream()
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        await anext(events)
    events.put(resets(1))
    await waiting


async def test_a_full_stream_asks_for_no_more_until_half_is_read() -> None:
    events, spaces = stream(bound=4)
    events.put(resets(1, 2, 3))
    fullness = [events.is_full]
    events.put(resets(4))
    fullness.append(events.is_full)
    assert fullness == [False, True]
    await anext(events)
    assert spaces == []
    await anext(events)
    assert spaces == ["space"]
    await anext(events)
    assert spaces == ["space"]


async def test_what_tells_of_a_moment_is_dropped_when_full() -> None:
    events, _ = stream(bound=1)
    events.put([RoomReset("1"), Draining(1.0), RoomReset("2")])
    events.close()
    assert [event async for event in events] == resets(1, 2)

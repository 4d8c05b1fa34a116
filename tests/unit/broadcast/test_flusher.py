"""Who is flushed when."""

from __future__ import annotations

import asyncio

from api.broadcast.flusher import SLICE, Flusher


class Box:
    """Writes down when it is flushed."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self._log = log

    def flush_in_turn(self) -> None:
        self._log.append(self.name)


async def test_what_one_turn_fills_is_flushed_at_the_next_in_the_order_it_came() -> None:
    log: list[str] = []
    flusher = Flusher()
    for name in "abc":
        flusher.add(Box(name, log), is_bulk=False)
    assert log == [], "nobody waits for the transport"
    await asyncio.sleep(0)
    assert log == ["a", "b", "c"]
    flusher.add(Box("again", log), is_bulk=False)
    await asyncio.sleep(0)
    assert log[3:] == ["again"]


async def test_a_large_room_is_flushed_in_slices_and_a_small_one_goes_before() -> None:
    log: list[str] = []
    flusher = Flusher()
    for _ in range(3 * SLICE):
        flusher.add(Box("large", log), is_bulk=True)
    await asyncio.sleep(0)
    assert len(log) == SLICE, "others get a turn"
    flusher.add(Box("small", log), is_bulk=False)
    await asyncio.sleep(0)
    assert log[SLICE] == "small"
    for _ in range(3):
        await asyncio.sleep(0)
    assert log.count("large") == 3 * SLICE


async def test_what_a_flush_adds_is_flushed_too() -> None:
    log: list[str] = []
    flusher = Flusher()

    class Chain(Box):
        def flush_in_turn(self) -> None:
            super().flush_in_turn()
            flusher.add(Box("second", log), is_bulk=False)

    flusher.add(Chain("first", log), is_bulk=True)
    await asyncio.sleep(0)
    assert log == ["first", "second"]

"""Commands that wait for their turn."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context

import pytest_asyncio

from api.ws.commands import Command, Ping
from api.ws.queue import WAITING_MAX, CommandQueue

name: ContextVar[str] = ContextVar("name", default="nobody")


class Desk:
    """A queue, whose commands end when the test says so."""

    def __init__(self) -> None:
        self.has_room = True
        self.begun: list[str] = []
        self.names: list[str] = []
        self.changes = 0
        self._may_end = asyncio.Event()
        name.set("ada")
        context = copy_context()
        name.set("somebody else")
        self.queue = CommandQueue(
            self._execute, has_room=lambda: self.has_room, on_change=self._changed, context=context
        )

    async def _execute(self, command: Command) -> None:
        self.begun.append(command.id)
        self.names.append(name.get())
        await self._may_end.wait()
        self._may_end.clear()

    def _changed(self) -> None:
        self.changes += 1

    def add(self, *ids: str) -> None:
        for command_id in ids:
            self.queue.add(Ping(type="ping", id=command_id))

    async def end_one(self) -> None:
        self._may_end.set()
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest_asyncio.fixture
async def desk() -> Desk:
    return Desk()


async def test_one_runs_after_the_other_in_the_order_they_came(desk: Desk) -> None:
    desk.add("a", "b", "c")
    await settle()
    assert desk.begun == ["a"]
    await desk.end_one()
    assert desk.begun == ["a", "b"]
    await desk.end_one()
    desk.add("d")
    await desk.end_one()
    await desk.end_one()
    assert desk.begun == ["a", "b", "c", "d"]
    assert desk.queue.is_idle


async def test_the_next_waits_for_room(desk: Desk) -> None:
    desk.has_room = False
    desk.add("a")
    await settle()
    assert (desk.begun, desk.queue.is_idle) == ([], False)
    desk.queue.wake()
    await settle()
    assert desk.begun == [], "there still is none"
    desk.has_room = True
    desk.queue.wake()
    await settle()
    assert desk.begun == ["a"]


async def test_room_is_looked_for_before_each(desk: Desk) -> None:
    desk.add("a", "b")
    await settle()
    desk.has_room = False
    await desk.end_one()
    assert desk.begun == ["a"]
    desk.has_room = True
    desk.queue.wake()
    await settle()
    assert desk.begun == ["a", "b"]


async def test_so_many_may_wait(desk: Desk) -> None:
    desk.add(*(str(number) for number in range(WAITING_MAX - 1)))
    fullness = [desk.queue.is_full]
    desk.add("last")
    fullness.append(desk.queue.is_full)
    await settle()
    fullness.append(desk.queue.is_full)
    assert fullness == [False, True, False], "one has its turn"


async def test_what_is_cleared_never_runs_and_what_runs_ends(desk: Desk) -> None:
    desk.add("a", "b", "c")
    await settle()
    desk.queue.clear()
    assert not desk.queue.is_idle
    await desk.end_one()
    assert desk.begun == ["a"]
    assert desk.queue.is_idle


async def test_clearing_ends_the_waiting_for_room(desk: Desk) -> None:
    desk.has_room = False
    desk.add("a")
    await settle()
    desk.queue.clear()
    await settle()
    assert desk.queue.is_idle
    assert desk.begun == []


async def test_its_owner_hears_of_every_change(desk: Desk) -> None:
    desk.add("a")
    await settle()
    before = desk.changes
    await desk.end_one()
    assert desk.changes > before


async def test_commands_log_as_the_connection_and_not_as_whoever_woke_them(desk: Desk) -> None:
    desk.add("a")
    await settle()
    await desk.end_one()
    assert desk.names == ["ada"]

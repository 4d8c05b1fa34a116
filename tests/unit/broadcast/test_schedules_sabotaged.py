"""Each rule of the fan-out is needed: without it the random schedules of `test_schedules` break a promise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from api.broadcast.base import Connection
from api.broadcast.dispatcher import Dispatcher
from api.broadcast.followed import FollowedRooms
from api.broadcast.joining import Joining
from api.domain.events import Event
from tests.unit.broadcast.schedules import Schedule
from tests.unit.broadcast.stores import Database

SEEDS_MAX = 60

Sabotage = Callable[[pytest.MonkeyPatch, Callable[[], Schedule]], None]


def no_gap_check(patch: pytest.MonkeyPatch, _running: Callable[[], Schedule]) -> None:
    """Deliver whatever is above the head."""

    def offer(self: Dispatcher, event: Event) -> None:
        if self.is_active and event.seq > self.head:
            self._deliver(event)

    patch.setattr(Dispatcher, "offer", offer)


def deliver_the_head_again(patch: pytest.MonkeyPatch, _running: Callable[[], Schedule]) -> None:
    """Drop below the head only, not at it."""

    def offer(self: Dispatcher, event: Event) -> None:
        self._highest = max(self._highest, event.seq)
        if not self.is_active or event.seq < self.head:
            return
        if event.seq <= self.head + 1:
            self._deliver(event)
        else:
            self.catch_up()

    patch.setattr(Dispatcher, "offer", offer)


def no_ticker(patch: pytest.MonkeyPatch, _running: Callable[[], Schedule]) -> None:
    """Never compare the followed rooms with the store: a lost tail is not healed."""
    patch.setattr(FollowedRooms, "check", _nothing)


def no_look_at_rooms_versions(patch: pytest.MonkeyPatch, _running: Callable[[], Schedule]) -> None:
    """Never look for joins into rooms that the node does not follow."""
    patch.setattr(Joining, "check", _nothing)


def wait_before_going_live(patch: pytest.MonkeyPatch, running: Callable[[], Schedule]) -> None:
    """Put an await between the last check and the first event."""
    add = Dispatcher.add

    def late(self: Dispatcher, connection: Connection) -> None:
        running().stage.later("go live", lambda: add(self, connection))

    patch.setattr(Dispatcher, "add", late)


def believe_in_the_first_look(patch: pytest.MonkeyPatch, _running: Callable[[], Schedule]) -> None:
    """Let in by what the store said, whatever has happened since."""
    patch.setattr(Dispatcher, "is_current", lambda self, _user_id, _seq: self.is_active)


def go_in_below_what_was_seen(patch: pytest.MonkeyPatch, _running: Callable[[], Schedule]) -> None:
    """Do not wait until the dispatcher is as far as the store."""

    async def at_once(_self: Dispatcher, _seq: int) -> None:
        await asyncio.sleep(0)

    patch.setattr(Dispatcher, "reach", at_once)


def never_dismiss(patch: pytest.MonkeyPatch, _running: Callable[[], Schedule]) -> None:
    """Leave those in the stream who have left the room."""
    patch.setattr(Dispatcher, "_dismiss", lambda *_arguments: None)


def ack_above_a_hole(patch: pytest.MonkeyPatch, _running: Callable[[], Schedule]) -> None:
    """Answer after the commit, without waiting for the place of the event."""
    patch.setattr(Dispatcher, "will_deliver", lambda *_arguments: False)


async def _nothing(*_arguments: Any, **_named: Any) -> None:  # noqa: ANN401 - whatever it stands for
    pass


@pytest.mark.parametrize(
    ("sabotage", "damages"),
    [
        (no_gap_check, {"gap"}),
        (deliver_the_head_again, {"duplicate"}),
        (no_ticker, {"not everything"}),
        (no_look_at_rooms_versions, {"not everything"}),
        (wait_before_going_live, {"gap", "not everything"}),
        (believe_in_the_first_look, {"somebody who is not in it"}),
        (go_in_below_what_was_seen, {"somebody who is not in it"}),
        (never_dismiss, {"leak", "gap", "not everything"}),
        (ack_above_a_hole, {"gap"}),
    ],
)
async def test_the_checker_finds_the_damage(
    database: Database, monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, damages: set[str]
) -> None:
    running: list[Schedule] = []
    sabotage(monkeypatch, lambda: running[-1])
    found = []
    for seed in range(SEEDS_MAX):
        running.append(Schedule(database, seed))
        try:
            await running[-1].run()
        except AssertionError as error:
            found.append(str(error).splitlines()[0])
            if any(damage in found[-1] for damage in damages):
                return
    pytest.fail(f"not found: {damages}; but: {found}")

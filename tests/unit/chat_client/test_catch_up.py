"""Asking for what the rooms' copies lack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest_asyncio

from chat_client.backoff import Backoff
from chat_client.catch_up import CatchUp
from chat_client.connection import Answer
from chat_client.events import AnyEvent, Event
from chat_client.mirror import Mirror
from chat_client.models import Cursor
from tests.unit.chat_client import wire
from tests.unit.chat_client.fake_connection import FakeConnection, refusal, settle


class Desk:
    """A mirror that lacks events, and a connection to ask over."""

    def __init__(self) -> None:
        self.told: list[AnyEvent] = []
        self.waits: list[float] = []
        self.mirror = Mirror(backlog=None)
        self.catch_up = CatchUp(
            self.mirror,
            emit=self.emit,
            backoff=lambda: Backoff(shortest_s=1.0, jitter=lambda _low, high: high),
            sleep=self.sleep,
        )
        self.connection = FakeConnection()
        self.running: asyncio.Task[None] | None = None

    def emit(self, events: Sequence[AnyEvent]) -> None:
        self.told += events

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    async def begin(self, *rooms: wire.Json) -> None:
        self.mirror.welcome(wire.welcome(*rooms))
        self.running = asyncio.create_task(self.catch_up.run(self.connection.typed))
        await settle()

    def seqs(self) -> list[int]:
        return [event.seq for event in self.told if isinstance(event, Event)]


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    if made.running is not None:
        made.running.cancel()
        await asyncio.gather(made.running, return_exceptions=True)


async def test_pages_are_asked_for_until_nothing_is_lacking(desk: Desk) -> None:
    def answer(kind: str, fields: wire.Json) -> Answer:
        assert kind == "history.get"
        assert (fields["room_id"], fields["epoch"], fields["limit"]) == ("r1", "e", 200)
        first = fields["after_seq"] + 1
        return wire.page(*(wire.event(seq) for seq in range(first, min(first + 3, 8))), last_seq=7)

    desk.connection.on_command = answer
    await desk.begin(wire.room(last_seq=7))
    assert desk.seqs() == [1, 2, 3, 4, 5, 6, 7]
    assert desk.waits == []


async def test_a_few_rooms_are_asked_for_at_a_time_and_each_once(desk: Desk) -> None:
    await desk.begin(*(wire.room(f"r{number}", last_seq=1) for number in range(9)))
    asked = [fields["room_id"] for _, fields, _ in desk.connection.commands]
    assert len(asked) == len(set(asked)) == 4
    desk.connection.commands.pop(0)[2](wire.page(wire.event(1, room_id="r0"), room_id="r0"))
    await settle()
    assert len(desk.connection.commands) == 4


async def test_what_turns_out_to_be_lacking_later_is_asked_for(desk: Desk) -> None:
    await desk.begin(wire.room(last_seq=0))
    assert desk.connection.commands == []
    desk.mirror.push(wire.event(2))
    desk.catch_up.poke()
    await settle()
    assert [fields["after_seq"] for _, fields, _ in desk.connection.commands] == [0]


async def test_resync_required_loads_anew(desk: Desk) -> None:
    asked: list[wire.Json] = []

    def answer(_: str, fields: wire.Json) -> Answer:
        asked.append(fields)
        if fields.get("epoch") == "e":
            return refusal("resync_required")
        return wire.page(wire.event(1), epoch="f")

    desk.connection.on_command = answer
    desk.mirror = desk.catch_up._mirror = Mirror(backlog=None, resume={"r1": Cursor("e", 5)})
    await desk.begin(wire.room(last_seq=9))
    assert ["epoch" in fields for fields in asked] == [True, False]
    assert desk.mirror.cursors() == {"r1": Cursor("f", 1)}


async def test_a_refusal_that_may_pass_is_waited_for(desk: Desk) -> None:
    answers: list[Answer] = [
        refusal("rate_limited", retry_after_ms=3000),
        refusal("unavailable"),
        wire.page(wire.event(1)),
    ]
    desk.connection.on_command = lambda *_: answers.pop(0)
    await desk.begin(wire.room(last_seq=1))
    assert desk.seqs() == [1]
    assert desk.waits == [5.0, 4.0]


async def test_a_definite_refusal_is_not_asked_again(desk: Desk) -> None:
    answers: list[Answer] = [refusal("banned")]
    desk.connection.on_command = lambda *_: answers.pop(0)
    await desk.begin(wire.room(last_seq=1))
    desk.catch_up.poke()
    await settle()
    assert answers == []


async def test_an_answer_that_helps_nothing_does_not_lead_to_a_busy_loop(desk: Desk) -> None:
    answers: list[Answer] = [wire.page(last_seq=1), wire.page(last_seq=1), wire.page(wire.event(1))]
    desk.connection.on_command = lambda *_: answers.pop(0)
    await desk.begin(wire.room(last_seq=1))
    assert desk.seqs() == [1]
    assert desk.waits == [2.0, 4.0]


async def test_an_answer_outside_the_contract_fails_the_connection(desk: Desk) -> None:
    desk.connection.on_command = lambda *_: {"items": "none"}
    await desk.begin(wire.room(last_seq=1))
    assert desk.connection.failed_with is not None


async def test_the_end_of_the_connection_ends_the_asking(desk: Desk) -> None:
    await desk.begin(*(wire.room(f"r{number}", last_seq=1) for number in range(4)))
    desk.connection.end()
    assert desk.running is not None
    await asyncio.wait_for(desk.running, 5)

"""Messages on their way: each acknowledged once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat_client.backoff import Backoff
from chat_client.delivery import Delivery
from chat_client.errors import BadAnswerError, ChatApiError, ClientClosedError, SendTimeoutError
from chat_client.events import SendFailed
from chat_client.outbox import Entry, MemoryOutboxStore
from tests.unit.chat_client import wire
from tests.unit.chat_client.fake_connection import FakeConnection, refusal, settle


def entry(key: str, room: str = "r1") -> Entry:
    return Entry(key, room, f"body {key}")


class Office:
    """A delivery with a clock, its store and what it reports."""

    def __init__(self, *entries: Entry, pipeline: int = 1) -> None:
        self.now = 0.0
        self.store = MemoryOutboxStore(entries)
        self.acknowledged: list[wire.Json] = []
        self.failed: list[SendFailed] = []
        self.delivery = Delivery(
            self.store,
            pipeline=pipeline,
            backoff=Backoff(shortest_s=1.0, jitter=lambda _low, high: high),
            on_acknowledged=self.acknowledged.append,
            on_failed=self.failed.append,
            clock=lambda: self.now,
        )
        self.running: list[asyncio.Task[None]] = []

    async def connect(self) -> FakeConnection:
        connection = FakeConnection()
        self.running.append(asyncio.create_task(self.delivery.run(connection.typed)))
        await settle()
        return connection

    async def lose(self, connection: FakeConnection) -> None:
        connection.end()
        self.running[-1].cancel()
        await asyncio.gather(self.running.pop(), return_exceptions=True)

    async def later(self, seconds: float) -> None:
        """Move the clock and wake the sender, whose timer runs by another clock."""
        self.now += seconds
        self.delivery._work.set()
        await settle()


def sent(connection: FakeConnection) -> list[str]:
    return [fields["idempotency_key"] for _, fields, _ in connection.commands]


def acknowledge(connection: FakeConnection, seq: int, *, duplicate: bool = False) -> None:
    _, fields, on_answer = connection.commands.pop(0)
    message = wire.message(seq, body=fields["body"], key=fields["idempotency_key"])
    on_answer({"message": message, "duplicate": duplicate})


def refuse(connection: FakeConnection, error: ChatApiError) -> None:
    connection.commands.pop(0)[2](error)


@pytest_asyncio.fixture
async def office() -> AsyncIterator[Office]:
    made = Office()
    yield made
    for task in made.running:
        task.cancel()
    await asyncio.gather(*made.running, return_exceptions=True)


async def test_a_message_is_returned_once_it_is_acknowledged(office: Office) -> None:
    sending = asyncio.create_task(office.delivery.send(entry("a")))
    connection = await office.connect()
    assert connection.commands[0][:2] == (
        "message.send",
        {"room_id": "r1", "body": "body a", "idempotency_key": "a"},
    )
    assert list(office.store.load()) == [entry("a")], "kept before it is sent"
    acknowledge(connection, 7)
    assert (await sending).seq == 7
    assert list(office.store.load()) == []
    assert [result["message"]["seq"] for result in office.acknowledged] == [7]


async def test_a_lost_connection_sends_again_with_the_same_key(office: Office) -> None:
    sending = asyncio.create_task(office.delivery.send(entry("a")))
    await settle()
    for _ in range(3):
        connection = await office.connect()
        assert sent(connection) == ["a"]
        await office.lose(connection)
    connection = await office.connect()
    acknowledge(connection, 7, duplicate=True)
    assert (await sending).seq == 7


async def test_a_refusal_that_may_pass_is_tried_again_after_the_time_named(office: Office) -> None:
    sending = asyncio.create_task(office.delivery.send(entry("a")))
    connection = await office.connect()
    refuse(connection, refusal("rate_limited", retry_after_ms=700))
    await office.later(0.6)
    assert sent(connection) == []
    await office.later(0.1)
    assert sent(connection) == ["a"]
    # Again: someone else takes what is freed, so more than the time named is waited for.
    refuse(connection, refusal("rate_limited", retry_after_ms=700))
    await office.later(0.7)
    assert sent(connection) == []
    await office.later(8.0)
    acknowledge(connection, 7)
    assert (await sending).seq == 7


async def test_a_refusal_without_a_time_backs_off(office: Office) -> None:
    office.delivery.post(entry("a"))
    connection = await office.connect()
    for wait_s in (2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0):
        refuse(connection, refusal("unavailable"))
        await office.later(wait_s - 0.1)
        assert sent(connection) == []
        await office.later(0.1)
        assert sent(connection) == ["a"]


async def test_the_next_message_of_the_room_does_not_overtake(office: Office) -> None:
    for key in ("a", "b"):
        office.delivery.post(entry(key))
    office.delivery.post(entry("elsewhere", "r2"))
    connection = await office.connect()
    assert sent(connection) == ["a", "elsewhere"]
    refuse(connection, refusal("unavailable"))
    await office.later(5.0)
    assert sent(connection) == ["elsewhere", "a"]


async def test_an_internal_error_that_does_not_pass_is_definite_in_the_end(office: Office) -> None:
    sending = asyncio.create_task(office.delivery.send(entry("a")))
    await settle()
    office.delivery.post(entry("b"))
    connection = await office.connect()
    for _ in range(5):
        assert sent(connection) == ["a"]
        refuse(connection, refusal("internal_error"))
        await office.later(60.0)
    with pytest.raises(ChatApiError, match="internal_error"):
        await sending
    assert sent(connection) == ["b"]


async def test_a_definite_refusal_is_raised_and_the_next_message_goes_out(office: Office) -> None:
    sending = asyncio.create_task(office.delivery.send(entry("a")))
    await settle()
    office.delivery.post(entry("b"))
    connection = await office.connect()
    refuse(connection, refusal("forbidden"))
    with pytest.raises(ChatApiError, match="forbidden"):
        await sending
    await settle()
    refuse(connection, refusal("banned"))
    assert [(failed.body, str(failed.error)) for failed in office.failed] == [("body b", "banned")]
    assert list(office.store.load()) == []
    await office.delivery.flushed()


async def test_a_send_that_is_given_up_before_it_was_sent_never_is(office: Office) -> None:
    with pytest.raises(SendTimeoutError) as caught:
        await office.delivery.send(entry("a"), timeout_s=0.01)
    assert (caught.value.idempotency_key, caught.value.may_exist) == ("a", False)
    connection = await office.connect()
    assert sent(connection) == []
    assert list(office.store.load()) == []


async def test_a_send_given_up_on_its_way_may_exist_and_its_ack_still_counts_as_event(office: Office) -> None:
    sending = asyncio.create_task(office.delivery.send(entry("a"), timeout_s=0.05))
    connection = await office.connect()
    with pytest.raises(SendTimeoutError) as caught:
        await sending
    assert caught.value.may_exist
    acknowledge(connection, 7)
    assert [result["message"]["seq"] for result in office.acknowledged] == [7]
    assert office.failed == []


async def test_a_late_refusal_of_what_was_given_up_is_no_news(office: Office) -> None:
    sending = asyncio.create_task(office.delivery.send(entry("a")))
    connection = await office.connect()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    refuse(connection, refusal("forbidden"))
    assert office.failed == []


async def test_two_who_send_the_same_share_one_message(office: Office) -> None:
    first = asyncio.create_task(office.delivery.send(entry("a")))
    second = asyncio.create_task(office.delivery.send(entry("a")))
    third = asyncio.create_task(office.delivery.send(entry("a")))
    connection = await office.connect()
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
    assert sent(connection) == ["a"]
    acknowledge(connection, 7)
    assert (await first) == (await second)
    office.delivery.post(entry("b"))
    with pytest.raises(ValueError, match="another message"):
        await office.delivery.send(Entry("b", "r1", "another body"))


async def test_what_was_posted_stays_when_a_waiting_caller_gives_up(office: Office) -> None:
    office.delivery.post(entry("a"))
    with pytest.raises(SendTimeoutError):
        await office.delivery.send(entry("a"), timeout_s=0.01)
    connection = await office.connect()
    assert sent(connection) == ["a"]


async def test_what_the_store_holds_is_sent_first() -> None:
    office = Office(entry("old1"), entry("old2"))
    office.delivery.post(entry("new"))
    connection = await office.connect()
    order = []
    while connection.commands:
        order += sent(connection)
        acknowledge(connection, 10 + len(order))
        await settle()
    assert order == ["old1", "old2", "new"]
    await office.lose(connection)


async def test_when_the_client_stops_callers_hear_of_it_and_the_store_keeps_what_is_unsent(office: Office) -> None:
    sending = asyncio.create_task(office.delivery.send(entry("a")))
    flushing = asyncio.create_task(office.delivery.flushed())
    await settle()
    office.delivery.stop(ClientClosedError("closed"))
    for waiting in (sending, flushing):
        with pytest.raises(ClientClosedError):
            await waiting
    with pytest.raises(ClientClosedError):
        office.delivery.post(entry("b"))
    assert list(office.store.load()) == [entry("a")]


async def test_an_ack_outside_the_contract_is_said_to_be_so(office: Office) -> None:
    office.delivery.post(entry("a"))
    connection = await office.connect()
    with pytest.raises(BadAnswerError):
        connection.commands.pop(0)[2]({"message": {"id": "m1"}, "duplicate": False})
    assert list(office.store.load()) == [entry("a")]

"""What every store promises to the services; see `api.store.base.Store`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uuid_utils

from api.domain.errors import ChatError, ErrorCode
from api.domain.events import EventType
from api.domain.models import Role, RoomInfo, User, UserRole, Visibility
from api.store.base import Append, Committed, WriteLoad, Written
from api.store.snapshot import Snapshot, Unit
from tests.contract.backends import STORES, Stores

WAIT_S = 10.0


def new_id() -> str:
    return str(uuid_utils.uuid7())


class Place:
    """Two stores on one database with a room in it, and what the first one tells."""

    def __init__(self, stores: Stores) -> None:
        self.here, self.there = stores.here, stores.there
        self.ada = User(new_id(), f"ada{new_id()[-8:]}", "Ada", UserRole.USER, 0)
        self.room = RoomInfo(new_id(), "tea", "", Visibility.PRIVATE)
        self.told: list[Append | Written] = []
        self._has_told = asyncio.Event()
        stores.listen_here(self._listen)

    async def open(self) -> Place:
        def job(unit: Unit) -> None:
            unit.users.insert(self.ada, None)
            unit.rooms.insert(self.room, epoch="e1", now_ms=unit.now_ms)
            unit.append(self.room.id, EventType.ROOM_CREATED, self.ada.ref, room=self.room)
            unit.members.add(self.room.id, self.ada.id, Role.OWNER, read_seq=1, now_ms=unit.now_ms)

        await self.here.write(job)
        self.told.clear()
        return self

    def _listen(self, committed: Committed) -> None:
        self.told += committed
        self._has_told.set()

    async def tells(self, count: int) -> list[Append | Written]:
        async with asyncio.timeout(WAIT_S):
            while len(self.told) < count:
                self._has_told.clear()
                await self._has_told.wait()
        return self.told

    def append(self, body: str = "hello", *, key: str | None = None) -> Append:
        return Append(new_id(), self.room.id, self.ada, body, key)

    def update(self, unit: Unit) -> int:
        return unit.append(self.room.id, EventType.ROOM_UPDATED, self.ada.ref, room=self.room).seq

    def last_seq(self, rows: Snapshot) -> int:
        return rows.rooms.head(self.room.id)[0]

    def seqs(self, rows: Snapshot) -> list[int]:
        return [event.seq for event in rows.log.events(self.room.id, after_seq=0, limit=10_000)]


@pytest_asyncio.fixture(params=list(STORES))
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with STORES[request.param](tmp_path) as stores:
        yield await Place(stores).open()


async def test_the_load_tells_what_waits_and_what_was_committed(place: Place) -> None:
    before = place.here.load
    assert before.waiting == 0
    writing = [asyncio.ensure_future(place.here.write(place.update)) for _ in range(3)]
    await asyncio.sleep(0)
    assert place.here.load.waiting == 3
    await asyncio.gather(*writing)
    assert place.here.load == WriteLoad(0, before.committed + 3)


async def test_what_was_written_is_read_at_once_on_every_node(place: Place) -> None:
    for _ in range(20):
        seq = await place.here.write(place.update)
        assert await place.here.read(place.last_seq) == seq
        assert await place.there.read(place.last_seq) == seq


async def test_when_a_message_is_told_every_node_can_read_it(place: Place) -> None:
    for number in range(1, 11):
        append = place.append()
        place.here.submit(append)
        await place.tells(number)
        assert append.message is not None
        assert await place.there.read(place.last_seq) == append.message.seq


async def test_a_read_is_one_snapshot_whatever_is_committed_meanwhile(place: Place) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def slow(rows: Snapshot) -> tuple[int, int, list[int]]:
        before = place.last_seq(rows)
        has_begun.set()
        may_end.wait(WAIT_S)
        return before, place.last_seq(rows), place.seqs(rows)

    reading = asyncio.ensure_future(place.here.read(slow))
    await asyncio.to_thread(has_begun.wait, WAIT_S)
    assert await place.here.write(place.update) == 2, "a reader keeps no writer waiting"
    may_end.set()
    assert await reading == (1, 1, [1])


async def test_nobody_reads_what_is_not_committed_yet(place: Place) -> None:
    is_written, may_commit = threading.Event(), threading.Event()

    def slow(unit: Unit) -> int:
        seq = place.update(unit)
        is_written.set()
        may_commit.wait(WAIT_S)
        return seq

    writing = asyncio.ensure_future(place.here.write(slow))
    await asyncio.to_thread(is_written.wait, WAIT_S)
    assert await place.here.read(place.last_seq) == 1
    assert await place.there.read(place.last_seq) == 1
    assert place.told == []
    may_commit.set()
    assert await writing == 2


async def test_a_job_sees_its_own_changes_and_one_moment(place: Place) -> None:
    def job(unit: Unit) -> tuple[int, int, int]:
        before_ms = unit.now_ms
        seq = place.update(unit)
        return seq, place.last_seq(unit), unit.now_ms - before_ms

    assert await place.here.write(job) == (2, 2, 0)


async def test_a_write_returns_after_its_events_were_told(place: Place) -> None:
    await place.here.write(place.update)
    (written,) = place.told
    assert isinstance(written, Written)
    assert [event.seq for event in written.events] == [2]
    assert await place.there.write(place.update) == 3
    assert len(place.told) == 1, "a node is told of its own commits"


async def test_a_room_that_members_come_into_without_an_event_is_told_of(place: Place) -> None:
    await place.here.write(lambda unit: unit.members.remove(place.room.id, place.ada.id))
    assert place.told == [Written([], {place.room.id})]


@pytest.mark.parametrize("error", [ChatError(ErrorCode.FORBIDDEN, "no"), LookupError("a fault")])
async def test_an_error_undoes_its_job_is_raised_and_is_told_to_nobody(place: Place, error: Exception) -> None:
    def job(unit: Unit) -> None:
        place.update(unit)
        raise error

    with pytest.raises(type(error)) as raised:
        await place.here.write(job)
    assert raised.value is error
    assert place.told == []
    assert await place.here.write(place.update) == 2


async def test_what_was_asked_first_is_committed_first(place: Place) -> None:
    appends, writes = [], []
    for _ in range(50):
        appends.append(place.append())
        place.here.submit(appends[-1])
        writes.append(asyncio.ensure_future(place.here.write(place.update)))
        await asyncio.sleep(0)
    assert [await write for write in writes] == list(range(3, 102, 2))
    assert [append.message.seq for append in appends if append.message] == list(range(2, 101, 2))
    assert [_seq(entry) for entry in place.told] == list(range(2, 102))


def _seq(entry: Append | Written) -> int | None:
    if isinstance(entry, Written):
        return entry.events[0].seq
    return None if entry.message is None else entry.message.seq


async def test_of_a_message_comes_either_the_message_or_the_reason(place: Place) -> None:
    good, again, conflict = (place.append(body, key="k") for body in ("hello", "hello", "another"))
    stranger = Append(new_id(), place.room.id, User(new_id(), "x", "x", UserRole.USER, 0), "hello", None)
    for append in (good, again, conflict, stranger):
        place.here.submit(append)
    await place.tells(4)
    assert [entry is append for entry, append in zip(place.told, (good, again, conflict, stranger), strict=True)]
    assert all((append.message is None) != (append.error is None) for append in (good, again, conflict, stranger))
    assert (good.duplicate, again.duplicate) == (False, True)
    assert again.message == good.message
    assert [append.error.code for append in (conflict, stranger) if append.error] == [
        ErrorCode.IDEMPOTENCY_CONFLICT,
        ErrorCode.NOT_FOUND,
    ]


async def test_a_message_that_is_told_reads_back_as_it_was_told(place: Place) -> None:
    append = place.append("hello \N{SNOWMAN}", key="k")
    place.here.submit(append)
    await place.tells(1)
    assert await place.there.read(lambda rows: rows.log.message(append.message_id)) == append.message


async def test_one_key_on_two_nodes_at_once_makes_one_message(place: Place) -> None:
    for number in range(10):
        pair = [place.append(key=f"k{number}") for _ in range(2)]
        place.here.submit(pair[0])
        place.there.submit(pair[1])
        await asyncio.gather(*(store.write(lambda _unit: None) for store in (place.here, place.there)))
        assert sorted(append.duplicate for append in pair) == [False, True]
        assert pair[0].message == pair[1].message
    assert await place.here.read(place.seqs) == list(range(1, 12))


async def test_two_nodes_that_write_at_once_make_one_log_without_gap(place: Place) -> None:
    writes = [store.write(place.update) for _ in range(25) for store in (place.here, place.there)]
    seqs = await asyncio.gather(*writes)
    assert sorted(seqs) == list(range(2, 52))
    assert await place.there.read(place.seqs) == list(range(1, 52))


async def test_who_gives_up_reading_or_writing_spoils_nothing(place: Place) -> None:
    for _ in range(20):
        tasks = [
            asyncio.ensure_future(place.here.read(place.seqs)),
            asyncio.ensure_future(place.here.write(place.update)),
        ]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    last = await place.here.write(place.update)
    assert last == 22, "a write that was asked for happens"
    assert await place.here.read(place.seqs) == list(range(1, 23))


async def test_the_commits_of_other_nodes_are_noticed_and_ones_own_are_not(place: Place) -> None:
    await place.here.write(place.update)
    assert not await place.here.changed_outside()
    await place.there.write(place.update)
    assert await place.here.changed_outside()
    assert not await place.here.changed_outside()
    await place.there.read(place.seqs)
    assert not await place.here.changed_outside()

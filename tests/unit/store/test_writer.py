"""Group commit: its order, its bounds, and its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import pytest_asyncio
import sqlalchemy

from api.domain.errors import ChatError, ErrorCode
from api.domain.events import EventType
from api.store import writer
from api.store.base import Append, Committed, WriteLoad, Written
from api.store.sqlite import open_sqlite_store
from tests.unit.store.scene import WAIT_S, Scene, add, new_id, open_scene, outcome

UNAVAILABLE = ErrorCode.UNAVAILABLE


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


async def test_a_new_one_has_nothing_to_do_and_its_thread_holds_up_no_end_of_the_process(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    async with open_scene(tmp_path) as scene:
        assert scene.store.load == WriteLoad(0, 0)
        assert [one.daemon for one in threading.enumerate() if one not in before and one.name == "writer"] == [True]


async def test_another_database_than_sqlites_is_refused() -> None:
    foreign = SimpleNamespace(connection=SimpleNamespace(driver_connection=object()))
    with pytest.raises(TypeError, match=r"^this writer is SQLite's$"):
        writer.Writer(
            cast("sqlalchemy.Connection", foreign),
            on_committed=lambda _committed: None,
            observe_commit=lambda _seconds: None,
            clock_ms=lambda: 0,
        )


async def test_what_is_queued_together_is_committed_and_told_in_its_order(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room = await scene.room(ada)
    scene.heard.clear()
    tellings: list[int] = []
    listen = scene.store.on_committed

    def counting(committed: Committed) -> None:
        tellings.append(len(committed))
        listen(committed)

    scene.store.on_committed = counting
    async with scene.one_batch():
        first = scene.submit(ada, room, "1")
        joining = await scene.begin(lambda unit: add(unit, room, bob))
        last = [scene.submit(bob, room, "2"), scene.submit(ada, room, "3")]
    heard = await scene.hears(4)
    event = await joining
    assert [heard[0], *heard[2:]] == [first, *last]
    assert heard[1] == Written([event], {room})
    assert [outcome(first), event.seq, *map(outcome, last)] == [2, 3, 4, 5]
    assert tellings == [0, 4], "one batch, one telling"
    assert [event.seq for event in await scene.log(room)] == [1, 2, 3, 4, 5]


async def test_a_waiter_is_woken_after_the_listener_was_told(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    scene.heard.clear()
    await scene.store.write(lambda unit: unit.append(room, EventType.ROOM_UPDATED, ada.ref))
    assert len(scene.heard) == 1


async def test_a_job_without_events_tells_nothing_and_gives_its_result(scene: Scene) -> None:
    assert await scene.store.write(lambda unit: unit.now_ms) == scene.clock.now_ms
    assert scene.heard == []


async def test_a_listeners_fault_keeps_no_waiter(scene: Scene) -> None:
    def faulty(_committed: Committed) -> None:
        raise RuntimeError("of the listener")

    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["exception"]))
    scene.store.on_committed = faulty
    assert await scene.store.write(lambda _unit: "done") == "done"
    assert [str(fault) for fault in faults] == ["of the listener"]


async def test_the_queue_is_bounded_and_takes_more_once_it_has_room(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    monkeypatch.setattr(writer, "QUEUE_MAX", 3)
    async with scene.one_batch():
        scene.submit(ada, room)
        scene.submit(ada, room)
        with pytest.raises(ChatError) as refused:
            scene.submit(ada, room)
        with pytest.raises(ChatError, match="unavailable"):
            await scene.store.write(lambda _unit: None)
    assert refused.value.code is UNAVAILABLE
    await scene.hears(3)
    assert outcome(await scene.send(ada, room)) == 4


async def test_who_stops_waiting_does_not_stop_the_write(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    async with scene.one_batch():
        waiting = await scene.begin(lambda unit: unit.append(room, EventType.ROOM_UPDATED, ada.ref))
        waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    await scene.store.write(lambda _unit: None)
    assert [event.seq for event in await scene.log(room)] == [1, 2]


async def test_only_the_commits_of_others_are_changes_from_outside(scene: Scene) -> None:
    url = scene.store._reading.url.render_as_string()
    await scene.user("ada")
    assert not await scene.store.changed_outside()
    async with open_sqlite_store(url, observe_commit=lambda _s: None, clock_ms=scene.clock) as other:
        assert not await scene.store.changed_outside(), "who only opens changes nothing"
        await other.write(lambda unit: unit.users.bump_rooms_version([new_id()]))
        await other.write(lambda unit: unit.sessions.purge(0, 0))
        await scene.user("bob")
        await other.write(lambda unit: unit.users.find(new_id()))
        others = await scene.user("carol")
        await other.write(lambda unit: unit.users.set_display_name(others.id, "Changed"))
    assert await scene.store.changed_outside()
    assert not await scene.store.changed_outside()


async def test_the_end_commits_what_is_queued_and_takes_nothing_more(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    appends = [scene.submit(ada, room) for _ in range(1200)]
    await scene.store._writer.stop()
    with pytest.raises(ChatError, match="unavailable"):
        scene.submit(ada, room)
    with pytest.raises(ChatError, match="unavailable"):
        await asyncio.wait_for(scene.store.write(lambda _unit: None), 5)
    await scene.hears(1201)
    assert [outcome(append) for append in appends] == list(range(2, 1202))


async def test_the_end_waits_for_what_is_being_committed(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    async with scene.one_batch():
        append = scene.submit(ada, room)
        stopping = asyncio.ensure_future(scene.store._writer.stop())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not stopping.done()
    await stopping
    assert outcome(append) == 2


async def test_only_commits_that_changed_something_are_measured(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[float] = []
    monkeypatch.setattr(scene.store._writer, "_observe_commit", measured.append)
    await scene.store.write(lambda _unit: None)
    await scene.store.changed_outside()
    assert measured == []
    await scene.user("ada")
    assert len(measured) == 1
    assert 0 < measured[0] < WAIT_S


async def test_a_batch_is_bounded(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    listen = scene.store.on_committed
    sizes: list[int] = []

    def counting(committed: Committed) -> None:
        sizes.append(len(committed))
        listen(committed)

    async with scene.one_batch():
        scene.store.on_committed = counting
        appends: list[Append] = [scene.submit(ada, room) for _ in range(writer.BATCH_MAX + 1)]
    await scene.hears(1 + len(appends))
    assert sizes == [0, writer.BATCH_MAX, 1]

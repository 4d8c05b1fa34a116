"""Group commit: order, what fails alone and what fails together, and the end of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from api.domain.errors import ChatError, ErrorCode
from api.domain.events import EventType
from api.store import writer
from api.store.base import Append, Committed, Written
from api.store.snapshot import Unit
from api.store.sqlite import open_sqlite_store
from tests.unit.store.faults import make_faulty
from tests.unit.store.scene import Scene, add, new_id, open_scene, outcome

UNAVAILABLE = ErrorCode.UNAVAILABLE


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


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
    assert heard[1] == Written([event])
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


async def test_one_bad_message_fails_alone(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    with capture_logs() as logs:
        async with scene.one_batch():
            good = scene.submit(ada, room)
            bad = scene.submit(ada, room, message_id=good.message_id)
            better = scene.submit(ada, room)
        await scene.hears(4)
    assert [outcome(append) for append in (good, bad, better)] == [2, UNAVAILABLE, 3]
    assert [log["event"] for log in logs] == ["store.append_refused"]


async def test_text_that_no_database_can_hold_fails_alone_too(scene: Scene) -> None:
    """Validation lets no surrogate in; should one come by another way, the batch must not pay for it."""
    ada = await scene.user("ada")
    room = await scene.room(ada)
    with capture_logs():
        async with scene.one_batch():
            appends = [scene.submit(ada, room, body) for body in ("before", "\ud800", "behind")]
        await scene.hears(4)
    assert [outcome(append) for append in appends] == [2, UNAVAILABLE, 3]


async def test_an_error_in_a_job_undoes_that_job_only(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)

    def refused(unit: Unit) -> None:
        unit.append(room, EventType.ROOM_UPDATED, ada.ref)
        raise ChatError(ErrorCode.FORBIDDEN, "no")

    def faulty(unit: Unit) -> None:
        unit.append(room, EventType.ROOM_UPDATED, ada.ref)
        raise LookupError("a fault of the job")

    scene.heard.clear()
    async with scene.one_batch():
        before = scene.submit(ada, room)
        jobs = [await scene.begin(job) for job in (refused, faulty)]
        good = await scene.begin(lambda unit: unit.append(room, EventType.ROOM_UPDATED, ada.ref))
        behind = scene.submit(ada, room)
    with pytest.raises(ChatError, match="forbidden"):
        await jobs[0]
    with pytest.raises(LookupError, match="a fault of the job"):
        await jobs[1]
    assert [outcome(before), (await good).seq, outcome(behind)] == [2, 3, 4]
    assert [event.seq for event in await scene.log(room)] == [1, 2, 3, 4]
    assert len(scene.heard) == 3


async def test_a_failed_commit_answers_everybody_unavailable_and_leaves_nothing(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    stranger = await scene.user("stranger")
    scene.heard.clear()
    faulty = make_faulty(scene.store)
    with capture_logs() as logs:
        async with scene.one_batch():
            appends = [scene.submit(ada, room), scene.submit(stranger, room), scene.submit(ada, room, key="k")]
            job = await scene.begin(lambda unit: unit.append(room, EventType.ROOM_UPDATED, ada.ref))
            failing = await scene.begin(lambda _unit: faulty.failing.add("COMMIT"))
        for waiting in (job, failing):
            with pytest.raises(ChatError) as refused:
                await waiting
            assert refused.value.code is UNAVAILABLE
            assert refused.value.retry_after_ms is not None
        assert [outcome(append) for append in appends] == [UNAVAILABLE] * 3
        assert scene.heard == appends, "whoever waits for a message hears of its failure"
        faulty.failing = set()
        assert [event.seq for event in await scene.log(room)] == [1]
        assert outcome(await scene.send(ada, room, key="k")) == 2
    assert [log["event"] for log in logs] == ["store.unavailable", "store.recovered"]


async def test_a_commit_of_unknown_outcome_is_resolved_by_the_key(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    faulty = make_faulty(scene.store)
    with capture_logs():
        faulty.failing_after = {"COMMIT"}
        lost = scene.submit(ada, room, "hello", key="k")
        await scene.hears(2)
        faulty.failing_after = set()
        assert outcome(lost) is UNAVAILABLE
        again = await scene.send(ada, room, "hello", key="k")
    assert (outcome(again), again.duplicate) == (2, True)
    assert [event.seq for event in await scene.log(room)] == [1, 2]


@pytest.mark.parametrize("statement", ["BEGIN", "SAVEPOINT", "RELEASE", "SELECT"])
async def test_whatever_statement_fails_the_next_batch_starts_clean(scene: Scene, statement: str) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    faulty = make_faulty(scene.store)
    with capture_logs():
        faulty.failing = {statement}
        lost = scene.submit(ada, room)
        await scene.hears(2)
        faulty.failing = set()
        assert outcome(lost) is UNAVAILABLE
        assert outcome(await scene.send(ada, room)) == 2


async def test_a_full_disk_is_told_and_survived(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)

    def pages(most: int) -> int:
        return int(scene.store._writer._db.execute(f"PRAGMA max_page_count={most}").fetchone()[0])

    most = await scene.store.write(lambda _unit: pages(1))  # SQLite takes no less than there are
    with capture_logs() as logs:
        async with scene.one_batch():
            lost = [scene.submit(ada, room, "x" * 4000) for _ in range(most)]
            job = await scene.begin(lambda unit: unit.append(room, EventType.ROOM_UPDATED, ada.ref))
        with pytest.raises(ChatError, match="unavailable"):
            await job
        assert {outcome(append) for append in lost} == {UNAVAILABLE}
        await scene.store.write(lambda _unit: pages(100_000))
        assert outcome(await scene.send(ada, room)) == 2
    assert [log["event"] for log in logs] == ["store.unavailable", "store.recovered"]


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


async def test_a_database_file_that_is_gone_takes_no_message(scene: Scene, tmp_path: Path) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    with capture_logs() as logs:
        (tmp_path / "chat.db").rename(tmp_path / "elsewhere.db")
        lost = scene.submit(ada, room)
        await scene.hears(2)
        assert outcome(lost) is UNAVAILABLE
        (tmp_path / "elsewhere.db").rename(tmp_path / "chat.db")
        assert outcome(await scene.send(ada, room)) == 2
    assert [log["event"] for log in logs] == ["store.unavailable", "store.recovered"]


async def test_only_commits_that_changed_something_are_measured(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[float] = []
    monkeypatch.setattr(scene.store._writer, "_observe_commit", measured.append)
    await scene.store.write(lambda _unit: None)
    await scene.store.changed_outside()
    assert measured == []
    await scene.user("ada")
    assert len(measured) == 1
    assert measured[0] > 0


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

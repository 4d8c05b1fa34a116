"""Group commit: what fails alone, what fails together, and what comes after."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from api.domain.errors import ChatError, ErrorCode
from api.domain.events import EventType
from api.store.snapshot import Unit
from api.store.sqlite import open_sqlite_store
from tests.unit.store.faults import make_faulty
from tests.unit.store.scene import Scene, open_scene, outcome

UNAVAILABLE = ErrorCode.UNAVAILABLE


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


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
    assert [(log["event"], log["room_id"]) for log in logs] == [("store.append_refused", room)]
    assert "UNIQUE" in str(logs[0]["exc_info"])


async def test_what_was_said_of_the_others_before_one_failed_is_said_anew(scene: Scene) -> None:
    """The batch is tried as one first: in that try the second was a repeat of the first, the third a conflict."""
    ada = await scene.user("ada")
    room = await scene.room(ada)
    known = await scene.send(ada, room)
    with capture_logs():
        async with scene.one_batch():
            bad, other = (scene.submit(ada, room, "1", key=key, message_id=known.message_id) for key in ("k", "l"))
            repeat = scene.submit(ada, room, "1", key="k")
            conflict = scene.submit(ada, room, "2", key="l")
        await scene.hears(6)
    assert [outcome(append) for append in (bad, other)] == [UNAVAILABLE, UNAVAILABLE]
    assert [(outcome(append), append.duplicate, append.error) for append in (repeat, conflict)] == [
        (3, False, None),
        (4, False, None),
    ]


async def test_messages_in_a_row_are_tried_together_first(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    faulty = make_faulty(scene.store)
    async with scene.one_batch():
        appends = [scene.submit(ada, room) for _ in range(3)]
        faulty.executed.clear()
    await scene.hears(4)
    assert [outcome(append) for append in appends] == [2, 3, 4]
    # The first is around the job that kept the writer busy.
    assert faulty.executed.count("RELEASE") == 2


@pytest.mark.parametrize("good_selects", [0, 2], ids=["in the first try", "when each is tried alone"])
async def test_an_outage_is_no_fault_of_one_message_and_nothing_is_tried_again(scene: Scene, good_selects: int) -> None:
    """SQLite may have ended the transaction: what were written now would be committed at once, and told as lost."""
    ada = await scene.user("ada")
    room = await scene.room(ada)
    known = await scene.send(ada, room)
    faulty = make_faulty(scene.store)
    scene.heard.clear()
    with capture_logs():
        async with scene.one_batch():
            appends = [scene.submit(ada, room)]
            appends += [scene.submit(ada, room, message_id=known.message_id) for _ in range(good_selects // 2)]
            appends += [scene.submit(ada, room)]
            faulty.failing_once = {"SELECT": good_selects}
        await scene.hears(len(appends))
    assert {outcome(append) for append in appends} == {UNAVAILABLE}
    assert len(await scene.log(room)) == 2


async def test_an_outage_that_a_job_meets_is_everybodys(scene: Scene) -> None:
    def failing(_unit: Unit) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    ada = await scene.user("ada")
    room = await scene.room(ada)
    with capture_logs():
        async with scene.one_batch():
            append = scene.submit(ada, room)
            job = await scene.begin(failing)
        with pytest.raises(ChatError, match="unavailable"):
            await job
    assert outcome(append) is UNAVAILABLE
    assert len(await scene.log(room)) == 1


async def test_a_transaction_that_sqlite_has_ended_does_not_hide_why(scene: Scene) -> None:
    def failing(_unit: Unit) -> None:
        scene.store._writer._db.execute("ROLLBACK")  # as SQLite does when the disk is full
        raise sqlite3.OperationalError("database or disk is full")

    with capture_logs() as logs, pytest.raises(ChatError, match="unavailable"):
        await scene.store.write(failing)
    assert [str(log["exc_info"]) for log in logs] == ["database or disk is full"]


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
            appends = [scene.submit(ada, room), scene.submit(stranger, room)]
            appends += [scene.submit(ada, room, key="k") for _ in range(2)]
            job = await scene.begin(lambda unit: unit.append(room, EventType.ROOM_UPDATED, ada.ref))
            failing = await scene.begin(lambda _unit: faulty.failing.add("COMMIT"))
        for waiting in (job, failing):
            with pytest.raises(ChatError) as refused:
                await waiting
            assert refused.value.code is UNAVAILABLE
            assert refused.value.retry_after_ms == 1000
            assert refused.value.detail
        assert [(outcome(append), append.duplicate) for append in appends] == [(UNAVAILABLE, False)] * 4
        assert scene.heard == appends, "whoever waits for a message hears of its failure"
        faulty.failing = set()
        assert [event.seq for event in await scene.log(room)] == [1]
        assert outcome(await scene.send(ada, room, key="k")) == 2
    assert [log["event"] for log in logs] == ["store.unavailable", "store.recovered"]
    assert (logs[0]["operation"], str(logs[0]["exc_info"])) == ("write", "disk I/O error in COMMIT")


async def test_a_rollback_that_fails_too_is_made_good_and_does_not_hide_the_cause(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    faulty = make_faulty(scene.store)
    with capture_logs() as logs:
        faulty.failing = {"COMMIT", "ROLLBACK"}
        lost = scene.submit(ada, room)
        await scene.hears(2)
        faulty.failing = set()
        late = scene.submit(ada, room)
        await scene.hears(3)
        assert [outcome(lost), outcome(late)] == [UNAVAILABLE] * 2
        assert outcome(await scene.send(ada, room)) == 2
    assert [log["event"] for log in logs] == ["store.unavailable", "store.recovered"]
    assert str(logs[0]["exc_info"]) == "disk I/O error in COMMIT"


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


async def test_a_change_outside_that_nobody_heard_of_is_told_again(scene: Scene, tmp_path: Path) -> None:
    ada = await scene.user("ada")
    faulty = make_faulty(scene.store)
    url = f"sqlite+aiosqlite:///{tmp_path / 'chat.db'}"
    async with open_sqlite_store(url, observe_commit=lambda _s: None, clock_ms=scene.clock) as other:
        await scene.store.changed_outside()
        await other.write(lambda unit: unit.users.set_display_name(ada.id, "Changed"))
    with capture_logs():
        faulty.failing = {"COMMIT"}
        with pytest.raises(ChatError, match="unavailable"):
            await scene.store.changed_outside()
        faulty.failing = set()
        assert await scene.store.changed_outside()
    assert not await scene.store.changed_outside()


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
    assert str(logs[0]["exc_info"]) == "the database file was removed or replaced"


async def test_a_database_file_in_the_place_of_ours_takes_no_message(scene: Scene, tmp_path: Path) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    with capture_logs():
        (tmp_path / "chat.db").rename(tmp_path / "elsewhere.db")
        shutil.copy(tmp_path / "elsewhere.db", tmp_path / "chat.db")
        lost = scene.submit(ada, room)
        await scene.hears(2)
        assert outcome(lost) is UNAVAILABLE
        (tmp_path / "elsewhere.db").rename(tmp_path / "chat.db")
        assert outcome(await scene.send(ada, room)) == 2


async def test_an_error_that_nobody_waits_for_any_more_is_nobodys(scene: Scene) -> None:
    def faulty(_unit: Unit) -> None:
        raise LookupError("a fault of the job")

    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
    async with scene.one_batch():
        waiting = await scene.begin(faulty)
        waiting.cancel()
    await asyncio.wait([waiting])
    del waiting  # it keeps what it was cancelled in, and with that the answer
    await scene.store.write(lambda _unit: None)
    gc.collect()
    assert faults == []

"""Group commit: one thread that takes all that is queued and commits it as one transaction (ADR 2).

Many messages share one fsync, so durability costs little under load. Order is the queue's: what was asked first is
committed first, messages and other jobs alike.
"""

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy

from api import log_events
from api.domain.errors import ChatError, ErrorCode
from api.store.append_sqlite import append_messages
from api.store.base import Append, OnCommitted, WriteLoad, Written
from api.store.outage import Outage, is_outage
from api.store.snapshot import Unit

T = TypeVar("T")

BATCH_MAX = 500
QUEUE_MAX = 10_000
"""Items waiting for the thread; past it the sender is told to come back, and those admitted keep their latency."""

RETRY_AFTER_MS = 1000


class _Job:
    """One write other than a message, and the future that its asker awaits."""

    __slots__ = ("error", "future", "result", "run", "unit")

    def __init__(self, run: Callable[[Unit], Any], future: "asyncio.Future[Any]") -> None:
        self.run = run
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None
        self.unit: Unit | None = None


def unavailable() -> ChatError:
    """Build the answer to a write that may or may not have happened."""
    return ChatError(ErrorCode.UNAVAILABLE, "The database cannot take this now.", retry_after_ms=RETRY_AFTER_MS)


class Writer:
    """The one writer of a SQLite database.

    Args:
        connection: opened in another thread, in autocommit mode; this thread alone uses it from now on.
        on_committed: called on the event loop after each commit, before anyone who waited is woken.
        observe_commit: called in the thread after each commit with the seconds it took.
        clock_ms: the time that goes into rows.
    """

    def __init__(
        self,
        connection: sqlalchemy.Connection,
        *,
        on_committed: OnCommitted,
        observe_commit: Callable[[float], None],
        clock_ms: Callable[[], int],
    ) -> None:
        self._connection = connection
        driver_connection = connection.connection.driver_connection
        if not isinstance(driver_connection, sqlite3.Connection):
            raise TypeError("this writer is SQLite's")
        self._db = driver_connection
        self._on_committed = on_committed
        self._observe_commit = observe_commit
        self._clock_ms = clock_ms
        self._queue: queue.SimpleQueue[Append | _Job | None] = queue.SimpleQueue()
        self._depth = 0
        self._committed = 0
        self._is_stopping = False
        self._loop = asyncio.get_running_loop()
        self._data_version = self._read_data_version()
        self._outage = Outage("write")
        self._file = self._db.execute("PRAGMA database_list").fetchone()[2]
        self._file_identity = _identity(self._file)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """Commit what is queued, then end the thread; what comes from now on is `unavailable`."""
        self._is_stopping = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def submit(self, append: Append) -> None:
        """Queue one message; see `api.store.base.Store.submit`."""
        self._admit()
        self._queue.put(append)

    async def write(self, run: Callable[[Unit], T]) -> T:
        """Run a job in the write transaction; see `api.store.base.Store.write`."""
        self._admit()
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Job(run, future))
        # A caller that goes away must not take the answer of a commit that happens anyway out of the thread's hands,
        # and an error that he does not wait for any more is nobody's.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(future)

    @property
    def load(self) -> WriteLoad:
        """Tell how much there is to write."""
        return WriteLoad(self._depth, self._committed)

    async def changed_outside(self) -> bool:
        """Compare SQLite's `data_version`, which on this connection moves only when another process commits."""
        version = await self.write(lambda _unit: self._read_data_version())
        # Not before the commit: of a look whose batch fails nobody hears, and the next one has to see the change again.
        last, self._data_version = self._data_version, version
        return version != last

    def _admit(self) -> None:
        if self._depth >= QUEUE_MAX or self._is_stopping:
            raise unavailable()
        self._depth += 1

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            batch = [item]
            while len(batch) < BATCH_MAX:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
            self._commit(batch)
            self._loop.call_soon_threadsafe(self._settle, batch)

    def _commit(self, batch: Sequence[Append | _Job]) -> None:
        started_s = time.monotonic()
        try:
            if _identity(self._file) != self._file_identity:
                # SQLite would go on, and acknowledge messages into a file that nobody will find again.
                raise sqlite3.OperationalError("the database file was removed or replaced")
            changes_before = self._db.total_changes
            self._db.execute("BEGIN IMMEDIATE")
            now_ms = self._clock_ms()
            for run in _runs(batch):
                if isinstance(run, _Job):
                    self._run_job(run, now_ms)
                else:
                    self._append(run, now_ms)
            self._db.execute("COMMIT")
            if self._db.total_changes != changes_before:
                self._committed += len(batch)
                self._observe_commit(time.monotonic() - started_s)
            self._outage.worked()
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing was committed and everyone must be told
            self._fail(batch, error)

    def _append(self, run: list[Append], now_ms: int) -> None:
        try:
            with _Savepoint(self._db):
                append_messages(self._db, run, now_ms)
        except Exception as failed:
            if is_outage(failed):
                raise
            # One bad message fails alone, so each gets a try of its own.
            for append in run:
                append.message, append.duplicate, append.error = None, False, None
                try:
                    with _Savepoint(self._db):
                        append_messages(self._db, [append], now_ms)
                except Exception as error:
                    if is_outage(error):
                        raise
                    log_events.STORE_APPEND_REFUSED.emit(room_id=append.room_id, exc_info=error)
                    append.message, append.error = None, unavailable()

    def _run_job(self, job: _Job, now_ms: int) -> None:
        job.unit = Unit(self._connection, now_ms)
        try:
            with _Savepoint(self._db):
                job.result = job.run(job.unit)
        except Exception as error:
            if is_outage(error):
                raise
            job.error = error  # it belongs to who asked

    def _fail(self, batch: Sequence[Append | _Job], error: Exception) -> None:
        if self._db.in_transaction:
            # Should this fail too, the next batch rolls back; the log shall tell of what went wrong first.
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
        self._outage.failed(error)
        for item in batch:
            if isinstance(item, _Job):
                item.error = unavailable()
            else:
                item.message, item.duplicate, item.error = None, False, unavailable()

    def _settle(self, batch: Sequence[Append | _Job]) -> None:
        self._depth -= len(batch)
        committed: list[Append | Written] = []
        for item in batch:
            if not isinstance(item, _Job):
                committed.append(item)
            elif item.error is None and item.unit is not None:
                events, recounted = item.unit.events, item.unit.members.recounted
                if events or recounted:
                    committed.append(Written(events, recounted))
        try:
            self._on_committed(committed)
        finally:
            for item in batch:
                if isinstance(item, _Job) and not item.future.done():
                    if item.error is not None:
                        item.future.set_exception(item.error)
                    else:
                        item.future.set_result(item.result)

    def _read_data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, and this is on the way of every batch
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Savepoint:
    """A part of the transaction that is undone alone."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("SAVEPOINT item")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> None:
        if error is not None and self._db.in_transaction:
            self._db.execute("ROLLBACK TO item")
        if self._db.in_transaction:
            self._db.execute("RELEASE item")


def _runs(batch: Sequence[Append | _Job]) -> list[list[Append] | _Job]:
    runs: list[list[Append] | _Job] = []
    for item in batch:
        if isinstance(item, _Job):
            runs.append(item)
        elif runs and isinstance(runs[-1], list):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs

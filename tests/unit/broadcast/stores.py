"""The real database, a step at a time: what nodes ask of it arrives when the stage says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy

from api.domain.errors import ChatError
from api.store.base import Append, Committed, OnCommitted, WriteLoad, Written
from api.store.schema import migrate
from api.store.snapshot import Snapshot, Unit
from api.store.sqlite import sync_engine
from api.store.writer import Writer, _Job, unavailable
from tests.unit.broadcast.stage import Stage

T = TypeVar("T")

NOW_MS = 1_795_324_320_123


class Database:
    """A migrated SQLite file with one connection that reads and one that writes, both used by this thread alone.

    The writer is the real one; only its thread is never started: the stage calls what the thread would call.
    """

    def __init__(self, reading: sqlalchemy.Connection, writing: sqlalchemy.Connection) -> None:
        self._reading = reading
        self._writing = writing

    def read(self, query: Callable[[Snapshot], T]) -> T:
        """Run a query on one snapshot."""
        self._reading.exec_driver_sql("BEGIN")
        try:
            return query(Snapshot(self._reading))
        finally:
            self._reading.exec_driver_sql("ROLLBACK")

    def run(self, job: Callable[[Unit], T]) -> T:
        """Change something that no listener hears of."""
        self._writing.exec_driver_sql("BEGIN IMMEDIATE")
        result = job(Unit(self._writing, NOW_MS))
        self._writing.exec_driver_sql("COMMIT")
        return result

    def writer(self) -> Writer:
        """Make a writer; its thread is not started."""
        return Writer(
            self._writing, on_committed=_nobody, observe_commit=lambda _seconds: None, clock_ms=lambda: NOW_MS
        )


def _nobody(_committed: Committed) -> None:
    pass


@contextmanager
def open_database(folder: Path) -> Iterator[Database]:
    """Open a database of its own in this folder; it does not survive a power cut, and is the faster for it."""
    url = f"sqlite+aiosqlite:///{folder / 'chat.db'}"
    migrate(url)
    engine = sync_engine(url)
    with engine.connect() as reading, engine.connect() as writing:
        writing.exec_driver_sql("PRAGMA synchronous=OFF")
        yield Database(reading, writing)
    engine.dispose()


class StagedWriter:
    """One queue for all nodes: what waits is committed together, when the stage says so."""

    def __init__(self, database: Database, stage: Stage) -> None:
        self._writer = database.writer()
        self._stage = stage
        self._queue: list[tuple[StagedStore, Append | _Job]] = []
        # So many of the next commits happen, and nobody is told.
        self.unknown_outcomes = 0

    def put(self, node: StagedStore, item: Append | _Job) -> None:
        """Queue one item."""
        if not self._queue:
            self._stage.later("commit", self._commit)
        self._queue.append((node, item))

    def _commit(self) -> None:
        queued, self._queue = self._queue, []
        batch = [item for _node, item in queued]
        self._writer._commit(batch)
        if self.unknown_outcomes:
            self.unknown_outcomes -= 1
            self._writer._fail(batch, unavailable())
        for node in {node: None for node, _item in queued}:
            node.committed([item for owner, item in queued if owner is node])


class StagedStore:
    """One node's view of the database; see `api.store.base.Store`.

    A read sees the database as it is when it is asked for, and arrives later. `failures`: so many of the next reads
    find the database away.
    """

    def __init__(self, database: Database, writer: StagedWriter, stage: Stage, name: str) -> None:
        self.on_committed: OnCommitted = _nobody
        self.failures = 0
        self._database = database
        self._writer = writer
        self._stage = stage
        self._name = name

    async def read(self, query: Callable[[Snapshot], T]) -> T:
        """Run a query."""
        if self.failures:
            self.failures -= 1
            await self._stage.stand(f"{self._name}: read fails")
            raise unavailable()
        found = self._database.read(query)
        await self._stage.stand(f"{self._name}: read")
        return found

    async def write(self, job: Callable[[Unit], T]) -> T:
        """Run a job, and return after the listener was told."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.put(self, _Job(job, done))
        return await done

    def submit(self, append: Append) -> None:
        """Queue a message."""
        self._writer.put(self, append)

    @property
    def load(self) -> WriteLoad:
        """Tell nothing."""
        return WriteLoad(0, 0)

    async def changed_outside(self) -> bool:
        """Know of no other process."""
        return False

    def committed(self, items: list[Append | _Job]) -> None:
        """Learn what became of this node's part of a batch: in order, but late."""
        self._stage.later(f"{self._name}: committed", lambda: self._tell(items), lane=f"{self._name}: committed")

    def _tell(self, items: list[Append | _Job]) -> None:
        entries: list[Append | Written] = []
        for item in items:
            if isinstance(item, Append):
                entries.append(item)
            elif item.error is None and item.unit is not None:
                entries.append(Written(item.unit.events, item.unit.members.recounted))
        self.on_committed(entries)
        for item in items:
            if isinstance(item, _Job) and not item.future.done():
                _answer(item)


def _answer(job: _Job) -> None:
    future: asyncio.Future[Any] = job.future
    if job.error is None:
        future.set_result(job.result)
    else:
        future.set_exception(job.error)
        if not isinstance(job.error, ChatError):
            raise job.error

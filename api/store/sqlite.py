"""The store on SQLite: one writer, readers beside it, durable at every commit.

Reads run in threads of their own, each as a whole: one hop to a thread and back instead of one a statement (ADR 2).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from api.store.base import Append, Committed, WriteLoad
from api.store.outage import Outage, is_outage
from api.store.snapshot import Snapshot, Unit
from api.store.writer import Writer, unavailable

T = TypeVar("T")

BUSY_TIMEOUT_MS: Final = 5000
READERS: Final = 4


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must open no transactions of its own: reads need BEGIN, writes BEGIN IMMEDIATE (SQLITE_BUSY_SNAPSHOT).
    connection.isolation_level = None
    cursor = connection.cursor()
    # FULL: an acknowledged message survives a power cut; deleted text is overwritten, not only unlinked.
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def sync_engine(url: str) -> Engine:
    """Make an engine for the one thread that writes; it opens and ends its transactions by hand."""
    engine = create_engine(
        make_url(url).set(drivername="sqlite"),
        poolclass=NullPool,
        connect_args={"check_same_thread": False},
        isolation_level="AUTOCOMMIT",
    )
    event.listen(engine, "connect", _prepare)
    return engine


def _reading_engine(url: str) -> Engine:
    engine = create_engine(
        make_url(url).set(drivername="sqlite"),
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


class SqliteStore:
    """See `api.store.base.Store`. `on_committed` is set once the listener exists, before the first write."""

    def __init__(
        self,
        writing: Connection,
        reading: Engine,
        *,
        observe_commit: Callable[[float], None],
        clock_ms: Callable[[], int],
    ) -> None:
        self._reading = reading
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._outage = Outage("read")
        self.on_committed: Callable[[Committed], None] = lambda _committed: None
        self._writer = Writer(
            writing,
            on_committed=self._committed,
            observe_commit=observe_commit,
            clock_ms=clock_ms,
        )

    def _committed(self, committed: Committed) -> None:
        self.on_committed(committed)

    async def read(self, query: Callable[[Snapshot], T]) -> T:
        """Run a query on one snapshot; see `api.store.base.Store.read`."""

        def run() -> T:
            with self._reading.connect() as connection:
                return query(Snapshot(connection))

        try:
            found = await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except DatabaseError as error:
            if not is_outage(error):
                raise
            self._outage.failed(error)
            raise unavailable() from error
        self._outage.worked()
        return found

    async def write(self, job: Callable[[Unit], T]) -> T:
        """Run a job in the write transaction; see `api.store.base.Store.write`."""
        return await self._writer.write(job)

    def submit(self, append: Append) -> None:
        """Queue one message; see `api.store.base.Store.submit`."""
        self._writer.submit(append)

    @property
    def load(self) -> WriteLoad:
        """Tell how much there is to write; see `api.store.base.Store.load`."""
        return self._writer.load

    async def changed_outside(self) -> bool:
        """Tell whether another process wrote; see `api.store.base.Store.changed_outside`."""
        return await self._writer.changed_outside()

    def start(self) -> None:
        self._writer.start()

    async def stop(self) -> None:
        """Commit what is queued, and let nothing in behind it."""
        await self._writer.stop()
        await asyncio.to_thread(self._readers.shutdown)


@asynccontextmanager
async def open_sqlite_store(
    url: str, *, observe_commit: Callable[[float], None], clock_ms: Callable[[], int]
) -> AsyncIterator[SqliteStore]:
    """Open the migrated database at a `sqlite+aiosqlite:///` URL; on exit all that was queued is committed."""
    writers, reading = sync_engine(url), _reading_engine(url)
    writing = writers.connect()
    store = SqliteStore(writing, reading, observe_commit=observe_commit, clock_ms=clock_ms)
    store.start()
    try:
        yield store
    finally:
        await store.stop()
        reading.dispose()
        writing.invalidate()
        writers.dispose()

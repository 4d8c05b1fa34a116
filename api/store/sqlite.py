"""The store on SQLite: one writer, readers beside it, durable at every commit."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from api.store.base import Append, Committed
from api.store.snapshot import Snapshot, Unit
from api.store.writer import Writer, unavailable

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5000
READERS_MAX = 4


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
    """Make an engine for the one thread that writes, from `sqlite+aiosqlite:///…`."""
    engine = create_engine(
        make_url(url).set(drivername="sqlite"),
        poolclass=NullPool,
        connect_args={"check_same_thread": False},
        isolation_level="AUTOCOMMIT",
    )
    event.listen(engine, "connect", _prepare)
    return engine


def _reading_engine(url: str) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=READERS_MAX, max_overflow=0, pool_timeout=10)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


class SqliteStore:
    """See `api.store.base.Store`. `on_committed` is set once the listener exists, before the first write."""

    def __init__(
        self,
        writing: Connection,
        readers: AsyncEngine,
        *,
        observe_commit: Callable[[float], None],
        clock_ms: Callable[[], int],
    ) -> None:
        self._readers = readers
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
        try:
            async with self._readers.connect() as connection:
                return await connection.run_sync(lambda sync: query(Snapshot(sync)))
        except (OperationalError, TimeoutError) as error:
            raise unavailable() from error

    async def write(self, job: Callable[[Unit], T]) -> T:
        """Run a job in the write transaction; see `api.store.base.Store.write`."""
        return await self._writer.write(job)

    def submit(self, append: Append) -> None:
        """Queue one message; see `api.store.base.Store.submit`."""
        self._writer.submit(append)

    async def changed_outside(self) -> bool:
        """Tell whether another process wrote; see `api.store.base.Store.changed_outside`."""
        return await self._writer.changed_outside()

    async def start(self) -> None:
        """Start the writer's thread."""
        self._writer.start()

    async def stop(self) -> None:
        """Commit what is queued, and let nothing in behind it."""
        await self._writer.stop()


@asynccontextmanager
async def open_sqlite_store(
    url: str, *, observe_commit: Callable[[float], None], clock_ms: Callable[[], int]
) -> AsyncIterator[SqliteStore]:
    """Open the migrated database at a `sqlite+aiosqlite:///` URL; on exit all that was queued is committed."""
    engine = sync_engine(url)
    readers = _reading_engine(url)
    writing = engine.connect()
    # All of them now: later, a file that cannot be opened would be an error of some request.
    async with AsyncExitStack() as opened:
        for _ in range(READERS_MAX):
            await opened.enter_async_context(readers.connect())
    store = SqliteStore(writing, readers, observe_commit=observe_commit, clock_ms=clock_ms)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()
        await readers.dispose()
        writing.invalidate()
        engine.dispose()

"""Look at the embedded database beside a running server, and leave it as it was."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, text

from api.store.schema import revisions
from api.store.sqlite import sync_engine

# The last event of each room: a row by its key, where the newest of all would be a walk through the whole table.
_NEWEST = "SELECT max(e.at_ms) FROM rooms r JOIN events e ON e.room_id = r.id AND e.seq = r.last_seq"
_SYNCHRONOUS = ("off", "normal", "full", "extra")


class Inspection:
    """Questions to a database file, each bounded in time; all raise `sqlite3.Error` or SQLAlchemy's around it.

    Args:
        path: of the file, which is there.
        seconds: after so long a question is given up (`OperationalError`: interrupted).
    """

    def __init__(self, path: Path, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._seconds = seconds
        self._clock = clock

    def journal_mode(self) -> str:
        """Tell how the file commits; the server makes it `wal`."""
        return str(self._ask("PRAGMA journal_mode"))

    def synchronous(self) -> str:
        """Tell when a commit on a connection like the writer's waits for the disk: `full` is at each. In WAL only."""
        with self._as_writer() as connection:
            return _SYNCHRONOUS[int(connection.execute(text("PRAGMA synchronous")).scalar_one())]

    def revisions(self) -> tuple[str | None, str]:
        """Return the database's revision and this version's; see `api.store.schema.revisions`. In WAL only."""
        with self._as_writer() as connection:
            return revisions(connection)

    def first_fault(self) -> str:
        """Look for damage in the structure of the file; return the first that is found, or nothing."""
        found = str(self._ask("PRAGMA quick_check(1)"))
        return "" if found == "ok" else found

    def newest_event_ms(self) -> int | None:
        """Return the time of the newest event, None where there is none."""
        found = self._ask(_NEWEST)
        return None if found is None else int(str(found))

    def clock_s(self) -> int:
        """Return the database's own time, in seconds since the epoch."""
        return int(str(self._ask("SELECT strftime('%s', datetime('now'))")))

    def write(self) -> None:
        """Make a table in a transaction, and take it back: nothing of it reaches the file, and nobody else sees it."""
        with closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute("CREATE TABLE chat_doctor (probe)")
            finally:
                connection.execute("ROLLBACK")

    def _ask(self, question: str) -> object:
        with closing(self._open()) as connection:
            row = connection.execute(question).fetchone()
            return row[0]

    def _open(self) -> sqlite3.Connection:
        # Not read-only: such a connection leaves its shared memory behind when it was the only one.
        connection = sqlite3.connect(
            f"file:{quote(str(self._path.absolute()))}?mode=rw", uri=True, isolation_level=None, timeout=self._seconds
        )
        deadline = self._clock() + self._seconds
        connection.set_progress_handler(lambda: int(self._clock() > deadline), 10_000)
        return connection

    @contextmanager
    def _as_writer(self) -> Iterator[Connection]:
        engine = sync_engine(f"sqlite+aiosqlite:///{self._path}")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

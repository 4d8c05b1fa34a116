"""A database connection that fails when a test says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, cast

from api.store.sqlite import SqliteStore


class FaultyConnection:
    """Stands before the writer's own connection.

    `failing`: statements that begin so fail instead of being run; `failing_after`: they are run, and then fail.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.failing: set[str] = set()
        self.failing_after: set[str] = set()

    @property
    def total_changes(self) -> int:
        """As SQLite's."""
        return self._connection.total_changes

    @property
    def in_transaction(self) -> bool:
        """As SQLite's."""
        return self._connection.in_transaction

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run a statement, or fail."""
        word = statement.split(maxsplit=1)[0]
        if word in self.failing:
            raise sqlite3.OperationalError("disk I/O error")
        cursor = self._connection.execute(statement, parameters)
        if word in self.failing_after:
            raise sqlite3.OperationalError("disk I/O error")
        return cursor

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
        """Run a statement for each row."""
        return self._connection.executemany(statement, rows)


def make_faulty(store: SqliteStore) -> FaultyConnection:
    """Put the faulty connection in."""
    faulty = FaultyConnection(store._writer._db)
    store._writer._db = cast("sqlite3.Connection", faulty)
    return faulty

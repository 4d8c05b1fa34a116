"""A database connection that fails when a test says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, cast

from api.store.sqlite import SqliteStore


class FaultyConnection:
    """Stands before the writer's own connection.

    `failing`: statements that begin so fail instead of being run; `failing_after`: they are run, and then fail.
    `failing_once`: the statement that begins so fails after so many have been run, and those behind it do not.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.failing: set[str] = set()
        self.failing_after: set[str] = set()
        self.failing_once: dict[str, int] = {}
        self.executed: list[str] = []

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
        self.executed.append(word)
        if word in self.failing or self._fails_now(word):
            raise sqlite3.OperationalError(f"disk I/O error in {word}")
        cursor = self._connection.execute(statement, parameters)
        if word in self.failing_after:
            raise sqlite3.OperationalError(f"disk I/O error in {word}")
        return cursor

    def _fails_now(self, word: str) -> bool:
        left = self.failing_once.pop(word, None)
        if left:
            self.failing_once[word] = left - 1
        return left == 0

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
        """Run a statement for each row."""
        return self._connection.executemany(statement, rows)


def make_faulty(store: SqliteStore) -> FaultyConnection:
    """Put the faulty connection in."""
    faulty = FaultyConnection(store._writer._db)
    store._writer._db = cast("sqlite3.Connection", faulty)
    return faulty

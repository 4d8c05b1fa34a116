"""The database's bad times, told once when they begin and once when they end."""

import sqlite3
import time
from collections.abc import Callable
from typing import Final, Literal

import sqlalchemy.exc

from api import log_events

# Of one statement and what was given to it; every other error of the database would meet the next statement too.
_OF_THE_STATEMENT: Final = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.NotSupportedError,
    sqlite3.ProgrammingError,
    sqlalchemy.exc.DataError,
    sqlalchemy.exc.IntegrityError,
    sqlalchemy.exc.NotSupportedError,
    sqlalchemy.exc.ProgrammingError,
)


class Outage:
    """Whether one kind of access to the database fails; a storm of failures is one line in the log.

    Args:
        operation: what fails, as the log calls it.
    """

    def __init__(self, operation: Literal["read", "write"], clock: Callable[[], float] = time.monotonic) -> None:
        self._operation = operation
        self._clock = clock
        self._since_s: float | None = None

    def failed(self, error: BaseException) -> None:
        """Note a failure."""
        if self._since_s is None:
            self._since_s = self._clock()
            log_events.STORE_UNAVAILABLE.emit(operation=self._operation, exc_info=error)

    def worked(self) -> None:
        """Note a success."""
        if self._since_s is not None:
            log_events.STORE_RECOVERED.emit(seconds=round(self._clock() - self._since_s, 1))
            self._since_s = None


def is_outage(error: BaseException) -> bool:
    """Tell whether an error says that the database cannot be used: away, locked, full, damaged or no database."""
    is_of_database = isinstance(error, sqlite3.DatabaseError | sqlalchemy.exc.DatabaseError)
    return is_of_database and not isinstance(error, _OF_THE_STATEMENT)

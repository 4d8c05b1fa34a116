"""The database's bad times: which errors are one, and how often it is told."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy.exc
from structlog.testing import capture_logs

from api.store.outage import Outage, is_outage


def test_a_storm_of_failures_is_one_line_and_its_end_another() -> None:
    now_s = 10.0
    outage = Outage("write", lambda: now_s)
    with capture_logs() as lines:
        outage.worked()
        for _ in range(100):
            outage.failed(sqlite3.OperationalError("disk I/O error"))
        now_s = 14.26
        outage.worked()
        outage.worked()
        outage.failed(sqlite3.OperationalError("disk I/O error"))
    assert [line["event"] for line in lines] == ["store.unavailable", "store.recovered", "store.unavailable"]
    assert (lines[0]["operation"], lines[0]["log_level"]) == ("write", "error")
    assert isinstance(lines[0]["exc_info"], sqlite3.OperationalError)
    assert lines[1]["seconds"] == 4.3


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database is locked"),
        sqlite3.DatabaseError("database disk image is malformed"),
        sqlalchemy.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("unable to open database file")),
        sqlalchemy.exc.DatabaseError("SELECT 1", {}, sqlite3.DatabaseError("file is not a database")),
    ],
)
def test_what_the_next_statement_would_meet_too_is_an_outage(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.IntegrityError("UNIQUE constraint failed"),
        sqlite3.ProgrammingError("Incorrect number of bindings supplied"),
        sqlite3.DataError("string or blob too big"),
        sqlite3.NotSupportedError("deterministic=True requires SQLite 3.8.3 or higher"),
        sqlalchemy.exc.IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed")),
        sqlalchemy.exc.ProgrammingError("SELECT", {}, sqlite3.ProgrammingError("bindings")),
        sqlite3.InterfaceError("bad parameter or other API misuse"),
        RuntimeError("a fault of the program"),
        OSError("not of the database"),
    ],
)
def test_what_is_wrong_with_one_statement_is_none(error: Exception) -> None:
    assert not is_outage(error)

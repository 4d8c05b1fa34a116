"""Why SQLite cannot use a file, in words."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from api.store.reasons import reason

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's


def error_of(code: int, text: str = "it is as it is") -> sqlite3.OperationalError:
    """Give an error as the driver raises it."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "chat.db")) as made, made:
        made.execute("CREATE TABLE a (b)")
    return tmp_path / "chat.db"


def test_the_databases_own_words_are_the_last_resort(database: Path) -> None:
    assert reason(error_of(sqlite3.SQLITE_ERROR, "no such\ntable"), database) == "cannot be used (no such)"
    assert reason(error_of(sqlite3.SQLITE_IOERR, "disk I/O error"), database) == "cannot be used (disk I/O error)"
    assert reason(sqlite3.OperationalError(), database) == "cannot be used (OperationalError)"


def test_sqlalchemys_error_is_unwrapped(database: Path) -> None:
    wrapped = OperationalError("SELECT hunter2", {}, error_of(sqlite3.SQLITE_BUSY))
    assert reason(wrapped, database) == "is locked by another process"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_NOTADB, "is no SQLite database"),
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "is damaged"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "is locked by another process"),
        (sqlite3.SQLITE_FULL, "cannot grow: the disk is full"),
    ],
)
def test_codes_that_say_it_all(code: int, words: str, database: Path) -> None:
    assert reason(error_of(code), database).startswith(words)


def test_a_full_disk_really_is_that_code(database: Path) -> None:
    with closing(sqlite3.connect(database)) as full:
        full.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as caught:
            full.execute("INSERT INTO a VALUES (zeroblob(100000))")
    assert reason(caught.value, database) == "cannot grow: the disk is full"


def test_errors_of_the_system(database: Path) -> None:
    assert reason(OSError(errno.ENOSPC, "No space left on device"), database) == "cannot grow: the disk is full"
    assert reason(OSError(errno.EROFS, "Read-only file system"), database) == "cannot be used (Read-only file system)"


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert reason(error_of(sqlite3.SQLITE_CANTOPEN), tmp_path) == "is a folder, no database"


def test_a_database_needs_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "chat.db"
    assert reason(error_of(sqlite3.SQLITE_CANTOPEN), path) == "cannot be made: there is no such folder"


@pytest.mark.parametrize(
    ("closed", "words"),
    [
        ("chat.db", "is closed to this user; it needs the right to read and write"),
        ("chat.db-wal", "is closed to this user: chat.db-wal beside it; it needs the right to read and write"),
        ("", "is in a folder that this user cannot write to"),
    ],
)
def test_what_this_user_may_not_open(closed: str, words: str, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may open all: what the system says is in test_serve_bad_start."""
    database.with_name("chat.db-wal").touch()
    forbidden = database.with_name(closed) if closed else database.parent
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != forbidden)
    assert reason(error_of(sqlite3.SQLITE_READONLY), database) == words


def test_a_disk_too_full_to_open_it(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1, 1, 0))
    assert reason(error_of(sqlite3.SQLITE_IOERR), database) == "cannot be opened: the disk is full"


def test_a_way_that_is_closed(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300) / "chat.db"
    assert reason(error_of(sqlite3.SQLITE_CANTOPEN), path) == "cannot be reached (File name too long)"

"""Why SQLite cannot use a file, in words that go on after the file's name."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# https://www.sqlite.org/rescode.html; the low byte of an extended code is the plain one.
_REASONS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_CORRUPT: "is damaged; put a backup in its place with `chat restore`",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_NOTADB: "is no SQLite database; move it away, or put a backup in its place with `chat restore`",
}
# What SQLite needs beside the database to open it: a shared memory of 32 KiB, and the head of a write-ahead log.
_LEAST_FREE_BYTES: Final = 64 * 1024


def reason(error: BaseException, path: Path) -> str:
    """Say why the database at `path` cannot be used, on one line, from the error and from what the file system shows.

    Args:
        error: SQLite's, or SQLAlchemy's around it; any other gives its first line.
        path: of the database.
    """
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in _REASONS:
        return _REASONS[code]
    if isinstance(cause, OSError) and cause.strerror:
        return "cannot grow: the disk is full" if cause.errno == errno.ENOSPC else f"cannot be used ({cause.strerror})"
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        told = _what_is_wrong_with(path)
        if told:
            return told
    first_line = (str(cause).splitlines() or [type(cause).__name__])[0]
    return f"cannot be used ({first_line})"


def _what_is_wrong_with(path: Path) -> str:
    try:
        return _fault_of_file(path) or _fault_of_folder(path.parent)
    except OSError as error:
        return f"cannot be reached ({error.strerror})"


def _fault_of_file(path: Path) -> str:
    if path.is_dir():
        return "is a folder, no database"
    beside = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
    for file in beside:
        if file.exists() and not os.access(file, os.R_OK | os.W_OK):
            which = "" if file == path else f": {file.name} beside it"
            return f"is closed to this user{which}; it needs the right to read and write"
    return ""


def _fault_of_folder(folder: Path) -> str:
    if not folder.is_dir():
        return "cannot be made: there is no such folder"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return "is in a folder that this user cannot write to"
    if shutil.disk_usage(folder).free < _LEAST_FREE_BYTES:
        return "cannot be opened: the disk is full"
    return ""

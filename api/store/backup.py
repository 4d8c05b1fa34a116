"""Copy the embedded database to one file, and put such a file back."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from api.store.rooms import RoomRows
from api.store.schema import TABLES, SchemaError, migrate
from api.store.sqlite import sync_engine
from api.store.tables import rooms

_WAL: Final = "-wal"
_SHARED_MEMORY: Final = "-shm"
KEPT_SUFFIX: Final = ".before-restore"


class BackupError(Exception):
    """The file cannot be written, or is none that can be restored; says why on one line."""


def backup(url: str, target: Path) -> None:
    """Write everything committed so far to one new file, beside a running server or not.

    Raises:
        BackupError: there is no database, the file exists, or it cannot be written; then no file is left.
    """
    source = _path(url)
    if not source.is_file():
        raise BackupError(f"there is no database at {source}")
    partial = target.with_name(target.name + ".partial")
    try:
        # Claims the name: two backups at a time do not write into each other.
        with target.open("xb"), _removed_at_end(partial):
            _copy(source, partial)
            _flush(partial)
            partial.replace(target)
            _flush(target.parent)
    except FileExistsError:
        raise BackupError(f"{target} exists already") from None
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            target.unlink()
        raise BackupError(f"{target} cannot be written ({_reason(error)})") from None


def restore(url: str, source: Path, *, epoch: str) -> tuple[int, Path | None]:
    """Put a backup in the place of the database; every room gets the new epoch, for its history has gone back.

    No server may run. The file is checked and brought to this version's schema before anything is touched, and takes
    the place in one step. Returns how many rooms it has, and where the database before is kept.

    Raises:
        BackupError: it is no sound backup of this program, comes from a newer version, or cannot be put in place.
    """
    target = _path(url)
    fresh = target.with_name(target.name + ".restoring")
    _check(source)
    try:
        with _removed_at_end(fresh):
            _copy(source, fresh)
            count = _make_current(fresh, epoch)
            _flush(fresh)
            kept = _keep(target)
            fresh.replace(target)
            _flush(target.parent)
            return count, kept
    except SchemaError as error:
        raise BackupError(f"{source} {error}") from None
    except SQLAlchemyError as error:
        raise BackupError(f"{source} is no backup of this program ({_reason(error)})") from None
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{source} cannot be put in place ({_reason(error)})") from None


def _path(url: str) -> Path:
    return Path(make_url(url).database or "")


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)


def _check(source: Path) -> None:
    if not source.is_file():
        raise BackupError(f"there is no file {source}")
    try:
        with closing(_read_only(source)) as connection:
            found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            is_ours = found >= TABLES
            faults = [text for (text,) in connection.execute("PRAGMA integrity_check(1)")] if is_ours else []
    except sqlite3.Error as error:
        raise BackupError(f"{source} is no backup of this program ({_reason(error)})") from None
    if not is_ours:
        raise BackupError(f"{source} is no backup of this program")
    if faults != ["ok"]:
        raise BackupError(f"{source} is damaged")


def _copy(source: Path, target: Path) -> None:
    """Copy one consistent state, all pages in one step, into a file that needs no other beside it."""
    with closing(_read_only(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode=DELETE")


def _make_current(path: Path, epoch: str) -> int:
    url = f"sqlite+aiosqlite:///{path}"
    migrate(url)
    engine = sync_engine(url)
    try:
        with engine.connect() as connection:
            RoomRows(connection).set_epochs(epoch)
            count = connection.execute(select(func.count()).select_from(rooms)).scalar_one()
            connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
            return int(count)
    finally:
        engine.dispose()


def _keep(database: Path) -> Path | None:
    """Move what belongs to the database before out of the way; its write-ahead log must never meet another file."""
    kept = database.with_name(database.name + KEPT_SUFFIX)
    for suffix in ("", _WAL, _SHARED_MEMORY):
        kept.with_name(kept.name + suffix).unlink(missing_ok=True)
    try:
        os.link(database, kept)  # a link: at no moment is there no database
        is_kept = True
    except FileNotFoundError:
        is_kept = False
    # After what may fail: a database that goes on without its log has lost what was committed last.
    database.with_name(database.name + _SHARED_MEMORY).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        database.with_name(database.name + _WAL).replace(kept.with_name(kept.name + _WAL))
    return kept if is_kept else None


@contextlib.contextmanager
def _removed_at_end(path: Path) -> Iterator[None]:
    """Leave no half-made file, from this run or from one that was killed."""
    parts = [path.with_name(path.name + suffix) for suffix in ("", _WAL, _SHARED_MEMORY, "-journal")]
    for part in parts:
        part.unlink(missing_ok=True)
    try:
        yield
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until the file, or the folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return (str(cause).splitlines() or [type(cause).__name__])[0]

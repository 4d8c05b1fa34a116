"""The database: its file is sound, of this version, safe at every commit, and can be written to."""

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from api.cli.checks.finding import Finding, Findings, fault, ok, skipped, warning
from api.cli.data_folder import is_locked
from api.store.inspection import Inspection
from api.store.reasons import reason
from api.store.schema import SchemaError
from config.settings import Settings

PATIENCE_S: Final = 5.0
_MIB: Final = 1024 * 1024
_WAL_WARNING: Final = 256 * _MIB
_CLOCK_FAULT_S: Final = 2
_AHEAD_FAULT_S: Final = 60
_RESTORE: Final = "Stop the server, keep the file, and put a backup in its place with `chat restore`."


def check_database(settings: Settings) -> Findings:
    """Look at the file as the server would open it."""
    path = settings.sqlite_path
    if not path.exists():
        yield skipped("database.file", f"no {path.absolute()} yet: `chat serve` makes it")
        return
    yield _wal(settings)
    database = Inspection(path, seconds=PATIENCE_S)
    try:
        mode = database.journal_mode()
        yield ok("database.file", f"{path.absolute()}, {path.stat().st_size / _MIB:.1f} MiB")
        if mode == "wal":
            yield ok("database.journal_mode", "wal")
            yield _synchronous(database)
            yield _schema(database)
        elif is_locked(settings.data_dir):
            yield fault("database.journal_mode", f"{mode}, and not wal, while a server runs", "Restart the server.")
        else:
            yield ok("database.journal_mode", f"{mode}, as after a restore; `chat serve` makes it wal")
        yield _writing(database)
        yield _integrity(database)
        yield from _clock(database, time.time)
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        yield fault(
            "database.file",
            f"{path.absolute()} {reason(error, path)}",
            "See what it says. If that does not help: " + _RESTORE,
        )


def _synchronous(database: Inspection) -> Finding:
    found = database.synchronous()
    if found != "full":
        return fault(
            "database.synchronous",
            f"{found}: a power cut can take back what was acknowledged",
            "This build of SQLite does not do what it is told: install another Python.",
        )
    return ok("database.synchronous", "full: an acknowledged message survives a power cut")


def _schema(database: Inspection) -> Finding:
    try:
        current, head = database.revisions()
    except SchemaError as error:
        return fault(
            "database.schema",
            f"the file {error}",
            "Install the version that made it, or set CHAT_DATA_DIR and CHAT_DATABASE_URL to the right file.",
        )
    if current == head:
        return ok("database.schema", head)
    return warning(
        "database.schema",
        f"{current or 'empty'}, this version's is {head}: `chat serve` brings it up to date",
        "`chat backup` first: an older version cannot read it afterwards.",
    )


def _writing(database: Inspection) -> Finding:
    begin = time.perf_counter()
    try:
        database.write()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return warning(
                "database.write",
                f"its lock was not free for {PATIENCE_S:g} s",
                "If no server is under heavy load, another program holds a transaction open: find and end it.",
            )
        raise
    ms = (time.perf_counter() - begin) * 1000
    return ok("database.write", f"a table was made and taken back in {ms:.1f} ms")


def _integrity(database: Inspection) -> Finding:
    try:
        found = database.first_fault()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_INTERRUPT:
            return skipped(
                "database.integrity",
                f"not through after {PATIENCE_S:g} s: the file is large",
                "Make a backup, and run `sqlite3 BACKUP 'PRAGMA integrity_check'` on that.",
            )
        raise
    if found:
        return fault("database.integrity", f"it is damaged: {found.splitlines()[0][:200]}", _RESTORE)
    return ok("database.integrity", "quick_check finds no damage")


def _clock(database: Inspection, clock_s: Callable[[], float]) -> Findings:
    apart = abs(database.clock_s() - clock_s())
    if apart > _CLOCK_FAULT_S:
        yield fault(
            "clock.database",
            f"the database's clock is {apart:.0f} s from this process's",
            "Something stands between a process and the clock (such as libfaketime): take it away.",
        )
    else:
        yield ok("clock.database", "the database has the same time")
    try:
        newest_ms = database.newest_event_ms()
    except sqlite3.OperationalError as error:  # of another version, or too large
        yield skipped("clock.newest_event", f"not found ({error})")
        return
    if newest_ms is None:
        return
    at = datetime.fromtimestamp(newest_ms / 1000, UTC).isoformat(timespec="seconds")
    if newest_ms / 1000 - clock_s() > _AHEAD_FAULT_S:
        yield fault(
            "clock.newest_event",
            f"the newest event is of {at}, which is yet to come: this clock has gone back",
            "Set the clock (NTP) before the server runs: tokens and times are wrong until then.",
        )
    else:
        yield ok("clock.newest_event", f"of {at}")


def _wal(settings: Settings) -> Finding:
    log = settings.sqlite_path.with_name(settings.sqlite_path.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > _WAL_WARNING:
        return warning(
            "database.wal",
            f"the write-ahead log has grown to {size // _MIB:,} MiB: it is not taken over into the database",
            "A program reads the database without end (a backup tool, a forgotten `sqlite3`): find and end it.",
        )
    return ok("database.wal", f"{size / _MIB:.1f} MiB")

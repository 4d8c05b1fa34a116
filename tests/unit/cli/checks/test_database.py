"""The database, as the doctor sees it: with a server or without, and left as it was."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from api.cli.checks import database as module
from api.cli.checks.database import check_database
from api.cli.checks.finding import Level
from api.cli.data_folder import locked_data_folder
from api.store.inspection import Inspection
from api.store.schema import migrate
from config.settings import Settings
from tests.unit.cli.checks.findings import by_check, worst


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give the settings of a data folder with a fresh database."""
    made = Settings.load(None, data_dir=tmp_path)
    migrate(made.database_url)
    return made


@contextmanager
def changed(settings: Settings) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(settings.sqlite_path)) as connection, connection:
        yield connection


def insert_event(settings: Settings, at_ms: int) -> None:
    with changed(settings) as database:
        database.execute("INSERT INTO rooms VALUES (?, 'a', NULL, '', 'public', 'e', 1, 0, 0, 0, NULL)", (bytes(16),))
        database.execute(
            "INSERT INTO events (room_id, seq, type, at_ms) VALUES (?, 1, 'room.created', ?)", (bytes(16), at_ms)
        )


def test_a_sound_one_has_nothing_to_be_told_and_is_left_as_it_was(settings: Settings) -> None:
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in settings.data_dir.iterdir()}
    findings = by_check(check_database(settings))
    assert {name: one.level for name, one in findings.items()} == dict.fromkeys(
        (
            "database.wal",
            "database.file",
            "database.journal_mode",
            "database.synchronous",
            "database.schema",
            "database.write",
            "database.integrity",
            "clock.database",
        ),
        Level.OK,
    )
    assert findings["database.synchronous"].found.startswith("full")
    after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in settings.data_dir.iterdir()}
    assert after == before


def test_where_none_is_yet_none_is_made(tmp_path: Path) -> None:
    findings = by_check(check_database(Settings.load(None, data_dir=tmp_path)))
    assert {name: one.level for name, one in findings.items()} == {"database.file": Level.SKIPPED}
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_none_is_a_fault_and_the_rest_is_left(settings: Settings) -> None:
    settings.sqlite_path.write_bytes(b"a letter to a friend\n" * 500)
    findings = list(check_database(settings))
    assert worst(findings) == {"database.file": Level.FAULT}
    assert "is no SQLite database" in by_check(findings)["database.file"].found
    assert "If that does not help: Stop" in by_check(findings)["database.file"].action


def test_one_of_a_newer_version_is_a_fault(settings: Settings) -> None:
    with changed(settings) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    findings = list(check_database(settings))
    assert worst(findings) == {"database.schema": Level.FAULT}
    assert "newer version" in by_check(findings)["database.schema"].found


def test_one_that_serve_will_bring_up_to_date_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inspection, "revisions", lambda _self: ("0001", "0002"))
    findings = list(check_database(settings))
    assert worst(findings) == {"database.schema": Level.WARNING}
    assert by_check(findings)["database.schema"].found.startswith("0001, this version's is 0002")


def test_one_that_does_not_wait_for_the_disk_is_a_fault(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inspection, "synchronous", lambda _self: "normal")
    assert worst(check_database(settings)) == {"database.synchronous": Level.FAULT}


def test_one_as_a_restore_leaves_it_is_no_fault_and_stays_so(settings: Settings) -> None:
    with changed(settings) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    findings = list(check_database(settings))
    assert worst(findings) == {}
    assert by_check(findings)["database.journal_mode"].found.startswith("delete")
    with changed(settings) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_under_a_running_server_it_is_one(settings: Settings) -> None:
    with changed(settings) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    with locked_data_folder(settings.data_dir):
        assert worst(check_database(settings)) == {"database.journal_mode": Level.FAULT}


def test_one_that_another_program_keeps_locked_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    with closing(sqlite3.connect(settings.sqlite_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert worst(check_database(settings)) == {"database.write": Level.WARNING}


def test_one_that_is_damaged_is_a_fault(settings: Settings) -> None:
    with settings.sqlite_path.open("r+b") as file:
        file.seek(-4096, os.SEEK_END)  # the last page, which only a look at all of them reads
        file.write(b"\xff" * 4096)
    findings = list(check_database(settings))
    assert worst(findings) == {"database.integrity": Level.FAULT}
    assert "it is damaged: " in by_check(findings)["database.integrity"].found


def test_one_that_is_damaged_where_it_begins_is_a_fault(settings: Settings) -> None:
    with settings.sqlite_path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3996)
    findings = list(check_database(settings))
    assert worst(findings) == {"database.file": Level.FAULT}
    assert "is damaged" in by_check(findings)["database.file"].found


def test_one_that_is_too_large_to_be_looked_through_is_skipped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long(_self: Inspection) -> str:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.set_progress_handler(lambda: 1, 1)
            connection.execute("SELECT 1")
        raise AssertionError("not interrupted")

    monkeypatch.setattr(Inspection, "first_fault", too_long)
    monkeypatch.setattr(Inspection, "newest_event_ms", too_long)
    findings = by_check(check_database(settings))
    assert findings["database.integrity"].level is Level.SKIPPED
    assert findings["clock.newest_event"].level is Level.SKIPPED


def test_what_fails_otherwise_is_a_fault_with_its_reason(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_self: Inspection) -> str:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("nonsense")
        raise AssertionError("no error")

    for name in ("first_fault", "write"):
        monkeypatch.setattr(Inspection, name, failing)
        findings = list(check_database(settings))
        assert worst(findings) == {"database.file": Level.FAULT}
        assert "syntax error" in by_check(findings)["database.file"].found


def test_a_write_ahead_log_that_grows_is_told(settings: Settings) -> None:
    log = settings.sqlite_path.with_name("chat.db-wal")
    with log.open("wb") as file:
        file.truncate(300 * 1024 * 1024)  # a hole: it takes no room
    assert worst(check_database(settings)) == {"database.wal": Level.WARNING}


def test_the_newest_event_is_not_of_the_future(settings: Settings) -> None:
    insert_event(settings, int(time.time() * 1000) - 5000)
    assert by_check(check_database(settings))["clock.newest_event"].level is Level.OK


def test_a_clock_that_has_gone_back_is_a_fault(settings: Settings) -> None:
    insert_event(settings, int(time.time() * 1000) + 3_600_000)
    assert worst(check_database(settings)) == {"clock.newest_event": Level.FAULT}


def test_a_clock_that_differs_from_the_databases_is_a_fault(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inspection, "clock_s", lambda _self: int(time.time()) - 60)
    assert worst(check_database(settings)) == {"clock.database": Level.FAULT}

"""Looking at a database leaves it as it was, and takes no longer than it may."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from api.store.inspection import Inspection
from api.store.schema import SchemaError, migrate
from tests.unit.store.scene import open_scene


@pytest.fixture
def path(tmp_path: Path) -> Path:
    migrate(f"sqlite+aiosqlite:///{tmp_path / 'chat.db'}")
    return tmp_path / "chat.db"


def look(path: Path) -> Inspection:
    return Inspection(path, seconds=5)


def test_a_fresh_one(path: Path) -> None:
    database = look(path)
    assert database.journal_mode() == "wal"
    assert database.synchronous() == "full"
    current, head = database.revisions()
    assert current == head
    assert database.first_fault() == ""
    assert database.newest_event_ms() is None
    assert database.clock_s() > 1_795_000_000


def test_nothing_is_left_behind(path: Path) -> None:
    before = path.read_bytes(), path.stat().st_mtime_ns
    database = look(path)
    for question in (database.journal_mode, database.synchronous, database.revisions, database.write):
        question()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(path.parent.iterdir()) == [path]


def test_no_other_connection_sees_the_write(path: Path) -> None:
    """A server compares SQLite's `data_version` to notice what others write."""
    with closing(sqlite3.connect(path)) as server:
        version = server.execute("PRAGMA data_version").fetchone()
        look(path).write()
        assert server.execute("PRAGMA data_version").fetchone() == version
        assert server.execute("SELECT count(*) FROM sqlite_master WHERE name = 'chat_doctor'").fetchone() == (0,)


async def test_the_newest_event_of_all_rooms_is_found(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        ada = await scene.user("ada")
        for name in ("tea", "coffee", "milk"):
            scene.clock.advance(1000)
            await scene.room(ada, name=name)
        newest = scene.clock.now_ms
        database = look(tmp_path / "chat.db")
        found = database.newest_event_ms()
        with closing(sqlite3.connect(tmp_path / "chat.db")) as plain:
            assert (found,) == plain.execute("SELECT max(at_ms) FROM events").fetchone()
        assert found is not None
        assert found <= newest


def test_what_takes_too_long_is_given_up(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        rows = [(uuid.uuid4().bytes, number, "a", 0) for number in range(20_000)]
        database.executemany("INSERT INTO events (room_id, seq, type, at_ms) VALUES (?, ?, ?, ?)", rows)
    ticks = count()
    with pytest.raises(sqlite3.OperationalError) as caught:
        Inspection(path, seconds=0.5, clock=lambda: next(ticks)).first_fault()
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT


def test_damage_is_found(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 4096)
        file.write(b"\xff" * 4096)
    assert look(path).first_fault() != ""


def test_a_locked_one_cannot_be_written(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            Inspection(path, seconds=0.05).write()


def test_one_of_another_program_is_told_apart(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE alembic_version (version_num)")
        other.execute("INSERT INTO alembic_version VALUES ('ab12')")
    with pytest.raises(SchemaError, match="another program"):
        look(tmp_path / "other.db").revisions()

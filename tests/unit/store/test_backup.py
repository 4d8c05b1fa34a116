"""Backup and restore of the embedded database."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.domain.models import RoomInfo, Visibility
from api.store import backup as backups
from api.store.backup import BackupError, backup, restore
from api.store.rooms import RoomRows
from api.store.schema import migrate
from api.store.sqlite import sync_engine

ROOMS = [f"0192f0c1-0000-7000-8000-00000000000{n}" for n in range(5)]


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def add_room(path: Path, room_id: str) -> None:
    with sync_engine(url_of(path)).connect() as connection:
        room = RoomInfo(id=room_id, name=room_id[-4:], topic="", visibility=Visibility.PUBLIC)
        RoomRows(connection).insert(room, epoch="old", now_ms=1)


def rooms_and_epochs(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, epoch FROM rooms ORDER BY name").fetchall()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "chat.db"
    path.parent.mkdir()
    migrate(url_of(path))
    add_room(path, ROOMS[0])
    return path


@pytest.fixture
def copy(database: Path, tmp_path: Path) -> Path:
    target = tmp_path / "monday.backup"
    backup(url_of(database), target)
    return target


def test_a_backup_holds_what_is_committed_while_others_write(database: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE rooms SET epoch = 'uncommitted'")
        backup(url_of(database), tmp_path / "copy")
        other.execute("COMMIT")
    assert rooms_and_epochs(tmp_path / "copy") == [("0000", "old")]


def test_a_backup_is_one_file(copy: Path) -> None:
    assert sorted(path.name for path in copy.parent.iterdir()) == ["data", copy.name]


def test_a_backup_does_not_overwrite(database: Path, copy: Path) -> None:
    before = copy.read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        backup(url_of(database), copy)
    assert copy.read_bytes() == before


def test_a_backup_that_cannot_be_written_leaves_nothing(database: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="cannot be written"):
        backup(url_of(database), tmp_path / "no" / "folder")
    assert not (tmp_path / "no").exists()


def test_a_backup_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no database"):
        backup(url_of(tmp_path / "chat.db"), tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_restoring_brings_back_the_rooms_with_another_epoch(database: Path, copy: Path) -> None:
    add_room(database, ROOMS[1])
    assert restore(url_of(database), copy, epoch="new") == (1, database.with_name("chat.db.before-restore"))
    assert rooms_and_epochs(database) == [("0000", "new")]


def test_the_database_before_is_kept_with_what_was_still_in_its_log(database: Path, copy: Path) -> None:
    writing = sqlite3.connect(database, isolation_level=None)
    writing.execute("UPDATE rooms SET epoch = 'latest'")  # stands in the write-ahead log while this connection lives
    assert database.with_name("chat.db-wal").stat().st_size > 0
    _, kept = restore(url_of(database), copy, epoch="new")
    assert kept is not None
    assert rooms_and_epochs(database) == [("0000", "new")]
    assert rooms_and_epochs(kept) == [("0000", "latest")]
    writing.close()
    assert rooms_and_epochs(database) == [("0000", "new")]


def test_where_the_database_before_cannot_be_kept_it_stays_as_it_is(
    database: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system without links; with what stands in the write-ahead log, as after a server that was killed."""

    def refused(_source: Path, _target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    writing = sqlite3.connect(database, isolation_level=None)
    writing.execute("UPDATE rooms SET epoch = 'latest'")
    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(BackupError, match="Operation not permitted"):
        restore(url_of(database), copy, epoch="new")
    assert rooms_and_epochs(database) == [("0000", "latest")]
    writing.close()
    assert rooms_and_epochs(database) == [("0000", "latest")]


def test_restoring_works_without_a_database(copy: Path, tmp_path: Path) -> None:
    assert restore(url_of(tmp_path / "chat.db"), copy, epoch="new") == (1, None)
    assert rooms_and_epochs(tmp_path / "chat.db") == [("0000", "new")]


def test_restoring_works_over_a_database_that_is_broken(database: Path, copy: Path) -> None:
    database.write_bytes(b"not a database at all" * 100)
    restore(url_of(database), copy, epoch="new")
    assert rooms_and_epochs(database) == [("0000", "new")]


def test_restoring_twice_keeps_the_latest_before(database: Path, copy: Path) -> None:
    restore(url_of(database), copy, epoch="first")
    _, kept = restore(url_of(database), copy, epoch="second")
    assert kept is not None
    assert (rooms_and_epochs(database), rooms_and_epochs(kept)) == ([("0000", "second")], [("0000", "first")])
    assert sorted(path.name for path in database.parent.iterdir()) == ["chat.db", "chat.db.before-restore"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "no backup of this program"), (b"hello, this is a letter\n" * 1000, "no backup of this program")],
)
def test_a_file_that_is_no_backup_is_refused(content: bytes, reason: str, database: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(content)
    with pytest.raises(BackupError, match=reason):
        restore(url_of(database), other, epoch="new")
    assert rooms_and_epochs(database) == [("0000", "old")]


def test_a_database_of_another_program_is_refused(database: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(BackupError, match="no backup of this program"):
        restore(url_of(database), other, epoch="new")
    assert rooms_and_epochs(database) == [("0000", "old")]


def test_a_damaged_backup_is_refused(database: Path, copy: Path) -> None:
    data = bytearray(copy.read_bytes())
    data[4096 * 3 : 4096 * 6] = b"\xff" * (4096 * 3)
    copy.write_bytes(data)
    with pytest.raises(BackupError, match=r"damaged|no backup"):
        restore(url_of(database), copy, epoch="new")
    assert rooms_and_epochs(database) == [("0000", "old")]


def test_a_backup_of_a_newer_version_is_refused(database: Path, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BackupError, match="newer version"):
        restore(url_of(database), copy, epoch="new")
    assert rooms_and_epochs(database) == [("0000", "old")]
    assert sorted(path.name for path in database.parent.iterdir()) == ["chat.db"]


def test_a_missing_file_is_refused(database: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no file"):
        restore(url_of(database), tmp_path / "nowhere", epoch="new")


def test_a_restore_that_was_killed_is_done_again(database: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old database stands until the new one takes its place in one step."""

    def die(path: Path) -> Path | None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backups, "_keep", die)  # the last moment before anything is moved
        with pytest.raises(KeyboardInterrupt):
            restore(url_of(database), copy, epoch="new")
    assert rooms_and_epochs(database) == [("0000", "old")]
    database.with_name("chat.db.restoring").write_bytes(b"half of it")
    restore(url_of(database), copy, epoch="new")
    assert rooms_and_epochs(database) == [("0000", "new")]

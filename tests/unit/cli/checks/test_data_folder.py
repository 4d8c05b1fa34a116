"""The data folder, as the file system shows it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from api.cli.checks import data_folder as module
from api.cli.checks.data_folder import check_data_folder, file_system
from api.cli.checks.finding import Level
from config.settings import Settings
from tests.unit.cli.checks.findings import by_check, worst

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's
MIB = 1024 * 1024


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "chat.db").touch(mode=0o600)
    return Settings.load(None, data_dir=folder)


@pytest.fixture(autouse=True)
def _a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the folder lie on an ordinary disk, whatever the tests run on."""
    monkeypatch.setattr(module, "_mount_table", lambda: "22 1 8:1 / / rw - ext4 /dev/sda rw\n")


def test_a_sound_folder_has_nothing_to_be_told_and_is_left_as_it_was(settings: Settings) -> None:
    before = {path: path.stat() for path in settings.data_dir.iterdir()}
    findings = by_check(check_data_folder(settings))
    assert {name: one.level for name, one in findings.items()} == {
        "data_folder.rights": Level.OK,
        "data_folder.file_system": Level.OK,
        "data_folder.free": Level.OK,
        "data_folder.write": Level.OK,
    }
    assert {path: path.stat() for path in settings.data_dir.iterdir()} == before


def test_one_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    findings = by_check(check_data_folder(Settings.load(None, data_dir=tmp_path / "new" / "data")))
    assert {name: one.level for name, one in findings.items()} == {"data_folder.rights": Level.SKIPPED}
    assert "chat serve" in findings["data_folder.rights"].found
    assert list(tmp_path.iterdir()) == []


def test_one_that_could_not_be_made_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    findings = list(check_data_folder(Settings.load(None, data_dir=tmp_path / "new" / "data")))
    assert worst(findings) == {"data_folder.rights": Level.FAULT}
    assert f"in {tmp_path}" in by_check(findings)["data_folder.rights"].found


def test_a_file_in_its_place_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert worst(check_data_folder(Settings.load(None, data_dir=tmp_path / "data"))) == {
        "data_folder.rights": Level.FAULT
    }


def test_one_that_others_may_look_into_is_told(settings: Settings) -> None:
    settings.data_dir.chmod(0o750)
    findings = list(check_data_folder(settings))
    assert worst(findings) == {"data_folder.rights": Level.WARNING}
    assert by_check(findings)["data_folder.rights"].action == f"chmod 700 {settings.data_dir}"


def test_one_of_another_user_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: settings.data_dir.stat().st_uid + 1)
    assert worst(check_data_folder(settings)) == {"data_folder.rights": Level.WARNING}


def test_what_this_user_may_not_write_is_a_fault(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert worst(check_data_folder(settings)) == {
        "data_folder.rights": Level.FAULT,
        "data_folder.files": Level.FAULT,
    }


def test_files_that_others_may_open_are_told(settings: Settings) -> None:
    settings.sqlite_path.with_name("chat.db-wal").touch(mode=0o600)
    settings.sqlite_path.with_name("chat.db-wal").chmod(0o644)
    findings = list(check_data_folder(settings))
    assert worst(findings) == {"data_folder.files": Level.WARNING}
    assert "chat.db-wal" in by_check(findings)["data_folder.files"].found


def test_a_database_in_another_folder_is_looked_at_there_too(settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    other.chmod(0o755)
    elsewhere = Settings.load(None, data_dir=settings.data_dir, database_url=f"sqlite+aiosqlite:///{other}/rooms.db")
    rights = [one for one in check_data_folder(elsewhere) if one.check == "data_folder.rights"]
    assert [one.level for one in rights] == [Level.OK, Level.WARNING]


@pytest.mark.parametrize(("free", "level"), [(10, Level.FAULT), (500, Level.WARNING), (2000, Level.OK)])
def test_little_room_is_told(free: int, level: Level, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, free * MIB))
    finding = by_check(check_data_folder(settings))["data_folder.free"]
    assert (finding.level, finding.found) == (level, f"{free:,} MiB are free")


def test_a_slow_disk_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FLUSH_WARNING_MS", 0)
    assert worst(check_data_folder(settings)) == {"data_folder.write": Level.WARNING}


def test_a_disk_that_takes_nothing_is_a_fault(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> None:  # noqa: ANN401 - whatever a file is opened with
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    findings = list(check_data_folder(settings))
    assert worst(findings) == {"data_folder.write": Level.FAULT}
    assert "No space left" in by_check(findings)["data_folder.write"].found


MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda rw
23 22 0:5 / /mnt rw shared:1 - nfs4 server:/export rw
24 22 8:2 / /mnt/disk rw - xfs /dev/sdb rw
25 22 0:6 / /with\\040blank rw - tmpfs tmpfs rw
26 22 0:7 / /box rw - ext4 /dev/sdc rw
27 22 0:8 / /box rw - overlay overlay rw
28 22 0:9 / /far rw - fuse.sshfs me@there rw
29 22 0:10 /
"""


@pytest.mark.parametrize(
    ("folder", "level", "words"),
    [
        ("/var/lib/chat", Level.OK, "ext4"),
        ("/mnt/chat", Level.WARNING, "nfs4: a network file system"),
        ("/mnt/disk/chat", Level.OK, "xfs"),
        ("/mntother", Level.OK, "ext4"),
        ("/with blank/chat", Level.WARNING, "tmpfs: what is acknowledged is kept in memory"),
        ("/box/chat", Level.WARNING, "overlay: what is acknowledged is kept in the container itself"),
        ("/far/chat", Level.WARNING, "fuse.sshfs: a network file system"),
    ],
)
def test_where_it_lies_is_read_from_the_table_of_mounts(folder: str, level: Level, words: str) -> None:
    finding = file_system(Path(folder), MOUNTS)
    assert finding.level is level
    assert finding.found.startswith(words)


def test_without_such_a_table_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(module, "_MOUNTS", Path("/nowhere/mountinfo"))
    assert file_system(Path("/var"), module._mount_table()).level is Level.SKIPPED

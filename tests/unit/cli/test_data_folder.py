"""The data folder and its lock."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from api.cli.data_folder import LOCK_FILE, is_locked, locked_data_folder, locking_process, make_data_folder
from api.cli.refusal import Refusal


def test_it_is_made_for_this_user_alone_with_all_that_is_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    make_data_folder(folder)
    make_data_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("path", ["file", "file/data"])
def test_where_it_cannot_be_made_is_named(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refusal, match=rf"^CHAT_DATA_DIR: {tmp_path / path} cannot be made \("):
        make_data_folder(tmp_path / path)


def test_one_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own answer is in test_serve_bad_start: as root, everything can be written to."""
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(Refusal, match="cannot be written to"):
        make_data_folder(tmp_path)


def test_the_lock_is_held_once_and_ends_with_its_holder(tmp_path: Path) -> None:
    with (
        locked_data_folder(tmp_path),
        pytest.raises(Refusal, match="a server is running on"),
        locked_data_folder(tmp_path),
    ):
        pass
    with locked_data_folder(tmp_path):
        pass


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).mkdir()
    with pytest.raises(Refusal, match="cannot be written to"), locked_data_folder(tmp_path):
        pass


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(Refusal, match=r"cannot be locked \(Operation not supported\)"), locked_data_folder(tmp_path):
        pass


def test_whether_it_is_locked_can_be_seen_without_locking_it(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
    with locked_data_folder(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path), "the file stays, and means nothing"
    with locked_data_folder(tmp_path):
        pass


def test_the_process_that_holds_the_lock_is_known(tmp_path: Path) -> None:
    assert locking_process(tmp_path) is None
    with locked_data_folder(tmp_path):
        assert locking_process(tmp_path) in {os.getpid(), None}, "None where the system does not tell"
        if Path("/proc/locks").exists():
            assert locking_process(tmp_path) == os.getpid()
    assert locking_process(tmp_path) is None

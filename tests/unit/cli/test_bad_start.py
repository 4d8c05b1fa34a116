"""Whatever is wrong at the start is one line on standard error, and exit code 2."""

import os
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from api.cli.data_folder import locked_data_folder
from api.cli.listener import listen
from api.cli.refusal import Refusal
from tests.support.server import run_chat


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("chat: ")
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PORT": "http"}, ["CHAT_PORT", "integer"]),
        ({"PROT": "8000"}, ["CHAT_PROT", "did you mean CHAT_PORT"]),
        ({"ENVIRONMENT": "production"}, ["CHAT_SECRET_KEYS", "production"]),
        ({"SECRET_KEYS": "hunter2"}, ["CHAT_SECRET_KEYS", "32 bytes"]),
        ({"WORKERS": "4"}, ["CHAT_WORKERS", "Redis"]),
        ({"DATABASE_URL": "postgresql+asyncpg://me:hunter2@db/chat"}, ["CHAT_DATABASE_URL"]),
        ({"REDIS_URL": "redis://:hunter2@bus"}, ["CHAT_REDIS_URL"]),
        ({"HOST": "192.0.2.1"}, ["CHAT_HOST", "no address of this machine"]),
        ({"HOST": "not a name"}, ["CHAT_HOST", "no address of this machine"]),
        ({"DATABASE_URL": "sqlite+aiosqlite:////proc/chat.db"}, ["CHAT_DATABASE_URL", "/proc/chat.db", "cannot"]),
    ],
)
def test_bad_settings_are_named(env: dict[str, str], words: list[str], tmp_path: Path) -> None:
    done = run_chat(tmp_path, "serve", **env)
    assert_one_line(done, *words)
    assert "hunter2" not in done.stderr


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_line(run_chat(tmp_path, "serve", PORT=str(port)), "CHAT_PORT", f"port {port}", "in use")
        assert_one_line(run_chat(tmp_path, "serve", "--port", str(port)), "CHAT_PORT", f"port {port}", "in use")


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert_one_line(run_chat(tmp_path, "serve", DATA_DIR=str(tmp_path / "file" / "data")), "CHAT_DATA_DIR")
    assert_one_line(run_chat(tmp_path, "serve", DATA_DIR=str(tmp_path / "file")), "CHAT_DATA_DIR")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    assert_one_line(run_chat(tmp_path, "serve", DATA_DIR=str(folder)), "CHAT_DATA_DIR", "cannot be written to")


@pytest.mark.parametrize("command", [["serve"], ["restore", "some.backup"]])
def test_a_second_one_on_the_same_folder_is_refused(command: list[str], tmp_path: Path) -> None:
    with locked_data_folder(tmp_path):
        assert_one_line(run_chat(tmp_path, *command), "CHAT_DATA_DIR", "a server is running")


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    with locked_data_folder(tmp_path):
        pass
    with locked_data_folder(tmp_path):
        pass


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "chat.db").write_bytes(b"a letter to a friend\n" * 500)
    assert_one_line(run_chat(tmp_path, "serve"), str(tmp_path / "chat.db"), "is no SQLite database")
    assert_one_line(run_chat(tmp_path, "migrate"), str(tmp_path / "chat.db"), "is no SQLite database")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["backup", "a.backup"], ["there is no database at"]),
        (["restore", "nowhere"], ["there is no file nowhere"]),
        (["restore", "letter"], ["letter is no backup of this program"]),
    ],
)
def test_what_cannot_be_backed_up_or_restored_is_named(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear friend,\n" * 100, encoding="utf-8")
    assert_one_line(run_chat(tmp_path, *arguments), *words)


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("localhost", None)])
def test_a_free_port_is_found(host: str, family: socket.AddressFamily | None) -> None:
    with closing(listen(host, 0)) as listener:
        assert listener.getsockname()[1] > 0
        assert family in {None, listener.family}


def test_a_name_that_is_too_long_for_a_host_is_refused() -> None:
    with pytest.raises(Refusal, match="CHAT_HOST"):
        listen("x" * 300 + ".example", 0)


def test_what_is_written_is_for_this_user_only(tmp_path: Path) -> None:
    done = run_chat(tmp_path, "migrate", DATA_DIR=str(tmp_path / "new" / "data"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "data" / "chat.db").stat().st_mode & 0o077 == 0


def test_migrate_backup_and_restore_answer_on_standard_output(tmp_path: Path) -> None:
    assert "now at" in run_chat(tmp_path, "migrate").stdout
    assert "already" in run_chat(tmp_path, "migrate").stdout
    assert "bytes" in run_chat(tmp_path, "backup", "monday").stdout
    done = run_chat(tmp_path, "restore", "monday")
    assert "restored, with 0 rooms" in done.stdout
    assert '"event":"store.restored"' in done.stderr


def test_help_and_version_need_no_settings(tmp_path: Path) -> None:
    assert "serve" in run_chat(tmp_path, "--help", PORT="nonsense").stdout
    assert run_chat(tmp_path, "--version", PORT="nonsense").stdout.count(".") == 2

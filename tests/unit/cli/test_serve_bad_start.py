"""Whatever is wrong at the start of a server is one line on standard error that names it, and exit code 2."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from api.cli.data_folder import locked_data_folder
from api.store.schema import migrate
from tests.support.commands import ORDINARY, Chat, Done
from tests.support.server import chat_environment


def serve(folder: Path, *args: str, under: tuple[str, ...] = (), **env: str) -> Done:
    """Run `chat serve` in a process of its own, which must not come to serve."""
    done = subprocess.run(
        [*under, sys.executable, "-m", "api", "serve", *args],
        cwd=folder,
        env=chat_environment(folder, **env),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Give a database as `chat migrate` makes it."""
    migrate(f"sqlite+aiosqlite:///{tmp_path / 'chat.db'}")
    return tmp_path / "chat.db"


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
    ],
)
def test_bad_settings_are_named(env: dict[str, str], words: list[str], chat: Chat) -> None:
    done = chat("serve", **env)
    done.refused(*words)
    assert "hunter2" not in done.err
    assert not chat.data_dir.exists(), "nothing is made before the settings are good"


def test_all_that_is_wrong_with_the_settings_is_one_line(tmp_path: Path) -> None:
    serve(tmp_path, PORT="http", WORKERS="4").refused("CHAT_PORT", "CHAT_WORKERS")


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serve(tmp_path, "--port", str(port)).refused("CHAT_PORT", f"port {port}", "in use")
    assert not (tmp_path / "chat.db").exists()


def test_a_host_that_is_not_here_is_named(tmp_path: Path) -> None:
    serve(tmp_path, HOST="192.0.2.1").refused("CHAT_HOST", "192.0.2.1", "no address of this machine")


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with locked_data_folder(tmp_path):
        serve(tmp_path).refused("CHAT_DATA_DIR", "a server is running")


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "chat.db").write_bytes(b"a letter to a friend\n" * 500)
    serve(tmp_path).refused(f"{tmp_path / 'chat.db'} is no SQLite database")


def test_a_folder_closed_to_this_user_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    serve(tmp_path, under=ORDINARY, DATA_DIR=str(folder)).refused("CHAT_DATA_DIR", str(folder), "cannot be written to")


def test_a_database_closed_to_this_user_is_named(database: Path, tmp_path: Path) -> None:
    database.chmod(0o400)
    serve(tmp_path, under=ORDINARY).refused(f"{database} is closed to this user", "read and write")


def test_a_full_disk_is_named(database: Path, tmp_path: Path) -> None:
    """The disk is one of memory, which a namespace of its own may mount; where it may not, there is nothing to see."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=1m none {disk} || exit 77; cp {database} {disk};"
        f"echo {'k' * 40} > {disk}/secret.key; dd if=/dev/zero of={disk}/filler bs=4096 2>/dev/null;"
        f"exec {sys.executable} -m api serve"
    )
    env = chat_environment(disk)
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],  # noqa: S607 - the system's
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode not in {0, 2}:
        pytest.skip(f"no disk can be made here: {done.stderr}")
    Done(done.returncode, done.stdout, done.stderr).refused(f"{disk / 'chat.db'} cannot", "the disk is full")


def test_a_database_of_a_newer_version_is_named_and_left_as_it_was(database: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database)) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    before = database.read_bytes()
    serve(tmp_path).refused(f"{database} was made by a newer version", "9999")
    assert database.read_bytes() == before


def test_a_secret_that_is_none_is_named_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("hunter2\n", encoding="utf-8")
    done = serve(tmp_path)
    done.refused(f"{tmp_path / 'secret.key'} holds no secret", "delete it")
    assert "hunter2" not in done.err
    assert not (tmp_path / "chat.db").exists()

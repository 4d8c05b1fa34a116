"""What the commands say of a database that they cannot use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from api.cli.database import migrate_database
from api.cli.refusal import Refusal
from config.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(None, data_dir=tmp_path / "data")


def test_it_is_made_once_and_told_once(settings: Settings) -> None:
    with capture_logs() as lines:
        before, after = migrate_database(settings)
        assert migrate_database(settings) == (after, after)
    assert before is None
    assert [(line["event"], line["revision"]) for line in lines] == [("store.migrated", after)]
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a letter to a friend\n" * 500, "is no SQLite database"),
        (None, "is a folder, no database"),
    ],
)
def test_what_is_no_database_is_named(content: bytes | None, words: str, settings: Settings) -> None:
    settings.data_dir.mkdir()
    if content is None:
        settings.sqlite_path.mkdir()
    else:
        settings.sqlite_path.write_bytes(content)
    with pytest.raises(Refusal) as refused:
        migrate_database(settings)
    assert str(refused.value).startswith(f"{settings.sqlite_path} {words}")


def test_the_database_of_another_program_is_named_and_left_alone(settings: Settings) -> None:
    settings.data_dir.mkdir()
    with closing(sqlite3.connect(settings.sqlite_path)) as other, other:
        other.execute("CREATE TABLE users (name)")
    with pytest.raises(Refusal, match=f"^{settings.sqlite_path} is the database of another program$"):
        migrate_database(settings)
    with closing(sqlite3.connect(settings.sqlite_path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("users",)]


def test_one_that_a_setting_leads_to_is_named_with_it(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "rooms.db"
    settings = Settings.load(None, data_dir=tmp_path, database_url=f"sqlite+aiosqlite:///{path}")
    with pytest.raises(Refusal, match=f"^CHAT_DATABASE_URL: {path} cannot be made: there is no such folder$"):
        migrate_database(settings)

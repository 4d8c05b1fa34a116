"""Migrations: from nothing to the tables, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from api.store.schema import SchemaError, migrate
from api.store.sqlite import sync_engine
from api.store.tables import metadata


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'chat.db'}"


def test_the_migrations_make_what_the_tables_say(url: str) -> None:
    migrate(url)
    with sync_engine(url).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []


def test_the_migrations_make_the_same_tables_as_the_metadata_to_the_letter(url: str, tmp_path: Path) -> None:
    """Alembic sees no conditions of indexes; the database itself does."""
    migrate(url)
    plain = sync_engine(f"sqlite+aiosqlite:///{tmp_path / 'plain.db'}")
    metadata.create_all(plain)
    with sync_engine(url).connect() as migrated, plain.connect() as made:
        shapes = [_shape(connection) for connection in (migrated, made)]
    assert shapes[0] == shapes[1]


def _shape(connection: Connection) -> dict[str, Any]:
    objects = connection.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE name != 'alembic_version'"
    ).all()
    columns = {
        name: connection.exec_driver_sql(f"PRAGMA table_info({name})").all()
        for kind, name, _sql in objects
        if kind == "table"
    }
    indexes = {name: " ".join((sql or "").split()) for kind, name, sql in objects if kind == "index"}
    return {"columns": columns, "indexes": {name: sql for name, sql in indexes.items() if "alembic" not in name}}


def test_migrating_twice_is_once(url: str) -> None:
    before, after = migrate(url)
    assert before is None
    assert after
    assert migrate(url) == (after, after)


def test_a_migration_that_fails_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def broken(config: Any, revision: str) -> None:  # noqa: ANN401 - alembic's
        upgrade(config, revision)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", broken)
        with pytest.raises(RuntimeError, match="killed"):
            migrate(url)
    with sync_engine(url).connect() as connection:
        assert inspect(connection).get_table_names() == []
    assert migrate(url)[0] is None


def test_one_that_needs_no_migration_must_still_be_one_that_can_be_written(url: str) -> None:
    migrate(url)
    with sync_engine(url).connect() as other:
        before = other.exec_driver_sql("PRAGMA data_version").scalar()
        migrate(url)
        assert other.exec_driver_sql("PRAGMA data_version").scalar() == before, "nothing was changed"


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["CREATE TABLE users (name)"], "another program"),
        (["CREATE TABLE alembic_version (version_num)", "CREATE TABLE users (name)"], "another program"),
    ],
)
def test_the_database_of_another_program_is_refused(statements: list[str], words: str, url: str) -> None:
    with sync_engine(url).connect() as other:
        for statement in statements:
            other.exec_driver_sql(statement)
    with pytest.raises(SchemaError, match=words):
        migrate(url)


def test_a_newer_one_is_refused_with_both_revisions(url: str) -> None:
    _, head = migrate(url)
    with sync_engine(url).connect() as newer:
        newer.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match=f"newer version .*9999.*{head}"):
        migrate(url)

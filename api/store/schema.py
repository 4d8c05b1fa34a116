"""The shape of the database, brought up to date by Alembic."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from api.store.sqlite import sync_engine

TABLES: Final = frozenset({"alembic_version", "users", "rooms", "events"})
"""By these one knows a database of this program, whatever its version."""


class SchemaError(Exception):
    """The database is sound, and yet not one for this version; says why, in words that go on after the file's name."""


def migrate(url: str) -> tuple[str | None, str]:
    """Bring the database up to this version; return its revision before and after.

    Each step is one transaction: a killed migration is done again or not at all. That the database can be written to
    is made sure of also where there is nothing to do.

    Raises:
        SchemaError: another program or a newer version of this one made it; nothing was changed.
    """
    config = _config()
    with sync_engine(url).connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        before, head = revisions(connection)
        if before == head:
            # The transaction of a read-only database begins without a word; a change in it does not.
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
            connection.exec_driver_sql("ROLLBACK")
        else:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.exec_driver_sql("COMMIT")
        return before, head


def revisions(connection: Connection) -> tuple[str | None, str]:
    """Return the database's revision, None for an empty one, and this version's.

    Raises:
        SchemaError: another program or a newer version of this one made it.
    """
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head() or ""
    current = MigrationContext.configure(connection).get_current_revision()
    tables = set(inspect(connection).get_table_names())
    if tables and not tables >= TABLES:
        raise SchemaError("is the database of another program")
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaError(
            f"was made by a newer version of this program (its schema is {current}, this version's {head})"
        )
    return current, head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config

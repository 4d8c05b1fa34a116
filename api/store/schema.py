"""The shape of the database, brought up to date by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from api.store.sqlite import sync_engine


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def migrate(url: str) -> tuple[str | None, str]:
    """Bring the database up to this version; return its revision before and after.

    Each step is one transaction: a killed migration is done again or not at all.
    """
    config = _config()
    with sync_engine(url).connect() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
        head = ScriptDirectory.from_config(config).get_current_head() or ""
        if before != head:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.exec_driver_sql("COMMIT")
        return before, head

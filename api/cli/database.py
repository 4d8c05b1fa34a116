"""The database behind the commands, with its faults told in one line."""

import sqlite3

from sqlalchemy.exc import SQLAlchemyError

from api import log_events
from api.cli.data_folder import make_data_folder
from api.cli.refusal import Refusal
from api.store.reasons import reason
from api.store.schema import SchemaError, migrate
from config.settings import Settings


def migrate_database(settings: Settings) -> tuple[str | None, str]:
    """Make the database, or bring it to this version's schema; return the revision before and after.

    Raises:
        Refusal: it cannot be opened or written to, is no database of this program, or was made by a newer version.
    """
    make_data_folder(settings.data_dir)
    path = settings.sqlite_path
    try:
        before, after = migrate(settings.database_url)
    except SchemaError as error:
        raise Refusal(name_database(settings, str(error))) from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise Refusal(name_database(settings, reason(error, path))) from None
    if before != after:
        log_events.STORE_MIGRATED.emit(revision=after)
    return before, after


def name_database(settings: Settings, fault: str) -> str:
    """Put the file's name before its fault, and the setting's where one leads to it."""
    path = settings.sqlite_path
    is_default = path == settings.data_dir / "chat.db"
    return f"{path} {fault}" if is_default else f"{Settings.variable('database_url')}: {path} {fault}"

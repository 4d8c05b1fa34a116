"""The database behind the commands, with its faults told in one line."""

from api import log_events
from api.cli.refusal import Refusal
from api.store.schema import migrate
from config.settings import Settings


def migrate_database(settings: Settings) -> tuple[str | None, str]:
    """Make the database, or bring it to this version's schema; return the revision before and after.

    Raises:
        Refusal: it cannot be opened, is no database of this program, or was made by a newer version.
    """
    try:
        before, after = migrate(settings.database_url)
    except Exception as error:  # noqa: BLE001 - SQLAlchemy's, Alembic's, the driver's: whichever it is, nothing can start
        cause = getattr(error, "orig", None) or error
        first_line = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise Refusal(f"CHAT_DATABASE_URL: the database {settings.sqlite_path} cannot be used ({first_line})") from None
    if before != after:
        log_events.STORE_MIGRATED.emit(revision=after)
    return before, after

"""`chat migrate`, `backup` and `restore`: an operator's work on the data folder."""

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from api import log_events
from api.cli.data_folder import locked_data_folder
from api.cli.refusal import Refusal
from config.logging import configure_logging
from config.settings import Settings, load_settings


def migrate() -> None:
    """Bring the database to this version's schema (`serve` does the same by itself)."""
    from api.cli.database import migrate_database

    settings = prepare()
    before, after = migrate_database(settings)
    typer.echo(f"{settings.sqlite_path}: " + (f"at {after} already" if before == after else f"now at {after}"))


def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")]) -> None:
    """Write all that is committed to one file, beside a running server or not."""
    from api.store.backup import BackupError, backup

    settings = prepare()
    try:
        backup(settings.database_url, file)
    except BackupError as error:
        raise Refusal(str(error)) from None
    typer.echo(f"{file}: {file.stat().st_size} bytes")


def restore(file: Annotated[Path, typer.Argument(help="A file that `chat backup` made.")]) -> None:
    """Put a backup in the place of the database, while no server runs; clients then load their rooms anew."""
    from api.store.backup import BackupError, restore

    settings = prepare()
    with locked_data_folder(settings.data_dir):
        try:
            rooms, kept = restore(settings.database_url, file, epoch=secrets.token_hex(16))
        except BackupError as error:
            raise Refusal(str(error)) from None
    log_events.STORE_RESTORED.emit(rooms=rooms)
    typer.echo(f"{settings.sqlite_path}: restored, with {rooms} rooms")
    if kept is not None:
        typer.echo(f"{kept}: the database before; delete it when all is well")


def prepare() -> Settings:
    """Load the settings, and send the log to standard error: standard output is the command's answer."""
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format, stream=sys.stderr)
    return settings

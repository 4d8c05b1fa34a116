"""`chat migrate`, `backup`, `restore` and `user ...`: an operator's work on the data folder, beside a server or not."""

import typer

from api.cli.data_folder import make_data_folder
from config.settings import load_settings


def migrate() -> None:
    """Bring the database to this version's schema (`serve` does the same by itself)."""
    from api.cli.database import migrate_database

    settings = load_settings()
    make_data_folder(settings.data_dir)
    before, after = migrate_database(settings)
    typer.echo(f"{settings.sqlite_path}: " + (f"at {after} already" if before == after else f"now at {after}"))

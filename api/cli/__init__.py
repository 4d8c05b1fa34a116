"""The command `chat`. Whatever is wrong at its start is one line on standard error and exit code 2."""

import gc
import os
import sys
from typing import Annotated, Final

import typer

from api import __version__
from api.cli import admin, config, doctor, serve, talk, user
from api.cli.refusal import Refusal
from config.settings import SettingsError

BAD_START: Final = 2


def main() -> None:
    """Run the command line of this process."""
    os.umask(0o077)  # the database, its backups and the development secret are this user's alone
    # What a command imports lives as long as it does. Looking for garbage in it, meanwhile and at the exit, was a third
    # of the time of most commands; those that live long collect again once they have begun.
    gc.disable()
    try:
        build_cli()()
    except (Refusal, SettingsError) as error:
        sys.stderr.write(f"chat: {error}\n")
        sys.exit(BAD_START)
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as shells count
    finally:
        gc.freeze()


def build_cli() -> typer.Typer:
    """Put the commands together; each imports what it needs when it runs."""
    cli = typer.Typer(
        name="chat",
        help="A real-time chat API: serve it, look after its data and its users, talk on it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    cli.callback()(_options)
    cli.command()(serve.serve)
    cli.command()(doctor.doctor)
    cli.command()(config.config)
    cli.command()(talk.talk)
    cli.command()(admin.migrate)
    cli.command()(admin.backup)
    cli.command()(admin.restore)
    cli.add_typer(user.build_user_cli(), name="user")
    return cli


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass

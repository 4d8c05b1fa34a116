"""`chat user ...`: what an operator does to accounts. A running server sees it and acts within a second."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.admin import prepare
from api.cli.refusal import Refusal

if TYPE_CHECKING:
    from api.domain.models import User
    from api.services.administration import Administration

Name = Annotated[str, typer.Argument(help="The username, in any case.")]
FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input, also in a terminal."),
]


def build_user_cli() -> typer.Typer:
    """Put the commands together."""
    cli = typer.Typer(
        help="Make, lock out, unlock, promote and demote users, and give them new passwords.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for command in (create, suspend, unsuspend, promote, demote, reset_password):
        cli.command()(command)
    return cli


def create(name: Name, password_stdin: FromStdin = False) -> None:
    """Make an account, sign-up open or closed."""
    password = read_password(from_stdin=password_stdin)
    user = _change(name, lambda users, username: users.create(username, password))
    typer.echo(f"{user.username}: account made")


def suspend(name: Name) -> None:
    """Lock a user out: no login, no request, no socket."""
    typer.echo(f"{_change(name, lambda users, username: users.suspend(username)).username}: suspended")


def unsuspend(name: Name) -> None:
    """Let a suspended user in again."""
    typer.echo(f"{_change(name, lambda users, username: users.unsuspend(username)).username}: not suspended any more")


def promote(name: Name) -> None:
    """Give a user the owner's rights in all public rooms."""
    typer.echo(f"{_change(name, lambda users, username: users.promote(username)).username}: admin")


def demote(name: Name) -> None:
    """Take an admin's rights away."""
    typer.echo(f"{_change(name, lambda users, username: users.demote(username)).username}: no admin any more")


def reset_password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give a user another password, and end all sessions."""
    password = read_password(from_stdin=password_stdin)
    user = _change(name, lambda users, username: users.reset_password(username, password))
    typer.echo(f"{user.username}: password set, all sessions ended")


def read_password(*, from_stdin: bool) -> str:
    """Ask for a password twice without showing it, or read it from standard input (one line, or the same twice).

    Raises:
        Refusal: there is none, or the two differ.
    """
    from api.domain.text import check_password

    if from_stdin or not sys.stdin.isatty():
        first, *rest = sys.stdin.read().removesuffix("\n").split("\n")
        second = rest[0] if rest else first
    else:
        first, second = getpass.getpass("Password: "), getpass.getpass("Again: ")
    if first != second:
        raise Refusal("the two passwords differ")
    try:
        return check_password(first)
    except ValueError as error:
        raise Refusal(f"the password {error}") from None


def _change(name: str, change: Callable[["Administration", str], Awaitable["User"]]) -> "User":
    from api.cli.database import migrate_database
    from api.domain.errors import ChatError
    from api.domain.text import clean_username
    from api.resources import open_administration

    settings = prepare()
    try:
        username = clean_username(name)
    except ValueError as error:
        raise Refusal(f"the username {error}") from None
    migrate_database(settings)

    async def run() -> "User":
        async with open_administration(settings) as administration:
            return await change(administration, username)

    try:
        return asyncio.run(run())
    except ChatError as error:
        faults = "; ".join(f"{fault['loc'][-1]} {fault['msg']}" for fault in error.errors)
        raise Refusal(f"{username}: {faults or error.detail}") from None

"""`chat talk`: a plain chat in the terminal, on the client package."""

import asyncio
import gc
import getpass
import os
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from api.cli.terminal import read_line


def talk(
    server: Annotated[str, typer.Option(help="Address of the server.")] = "http://127.0.0.1:8000",
    username: Annotated[str | None, typer.Option(help="Your username; asked for if not given.")] = None,
    room: Annotated[str, typer.Option(help="The room to talk in, by name or id.")] = "general",
    sign_up: Annotated[
        bool | None,
        typer.Option("--sign-up/--log-in", help="Make a new account, or use yours; asked for in a terminal."),
    ] = None,
) -> None:
    """Talk to others in this terminal.

    Without a terminal, lines come from standard input: the username (unless given), the password, then what to send.
    """
    from api.cli.visit import visit

    gc.freeze()
    gc.enable()
    try:
        login = _ask(username, sign_up=sign_up)
        failure = asyncio.run(visit(server, room, login.username, login.password, is_new=login.is_new))
    except EOFError:
        failure = "the input ended before the password"
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    if failure is not None:
        sys.stderr.write(f"chat: {failure}\n")
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Login:
    username: str
    password: str
    is_new: bool


def _ask(username: str | None, *, sign_up: bool | None) -> _Login:
    if not sys.stdin.isatty():
        name = username if username is not None else read_line()
        return _Login(name, read_line(), is_new=sign_up is True)
    is_new = sign_up if sign_up is not None else not typer.confirm("Do you have an account?", default=True)
    name = username if username is not None else typer.prompt("Username")
    password = getpass.getpass("Password: ")
    while is_new and getpass.getpass("The same again: ") != password:
        sys.stderr.write("These were two different passwords.\n")
        password = getpass.getpass("Password: ")
    return _Login(name, password, is_new)

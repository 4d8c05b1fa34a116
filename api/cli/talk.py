"""`chat talk`: a plain chat in the terminal, on the client package."""

import asyncio
import contextlib
import getpass
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from api.cli.conversation import Conversation
from api.cli.terminal import Terminal, read_line
from api.cli.wording import describe_error
from chat_client import ChatClient, ChatClientError, Session

_GOODBYE_S: Final = 3.0


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
    try:
        login = _ask(username, sign_up=sign_up)
        code = asyncio.run(_talk(server, room, login))
    except EOFError:
        code = _fail("the input ended before the password")
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    raise typer.Exit(code)


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


async def _talk(server: str, room: str, login: _Login) -> int:
    try:
        session = Session(server)
    except ValueError as error:
        return _fail(str(error))
    async with session:
        try:
            if login.is_new:
                await session.sign_up(login.username, login.password)
            await session.log_in(login.username, login.password)
        except ChatClientError as error:
            return _fail(describe_error(error, server))
        try:
            return await _converse(session, room)
        finally:
            with contextlib.suppress(ChatClientError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await session.log_out()


async def _converse(session: Session, room: str) -> int:
    with Terminal() as terminal:
        async with ChatClient(session) as client:
            conversation = Conversation(client, terminal)
            printing = asyncio.create_task(conversation.show_events())
            try:
                await conversation.begin(room)
                typing = asyncio.create_task(conversation.read_lines())
                await asyncio.wait([typing, printing], return_when=asyncio.FIRST_COMPLETED)
                typing.cancel()
                await asyncio.gather(typing, return_exceptions=True)
                if not printing.done():
                    await conversation.flush()
            except ChatClientError as error:
                conversation.failure = error
        try:
            await printing  # the client is closed: what is left is shown, then the events end
        except ChatClientError as error:
            conversation.failure = error
    return 0 if conversation.failure is None else _fail(describe_error(conversation.failure, session.server))


def _fail(text: str) -> int:
    sys.stderr.write(f"chat: {text}\n")
    return 1

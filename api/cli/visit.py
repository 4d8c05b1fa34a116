"""One visit with `chat talk`: in, talk, out."""

import asyncio
import contextlib
from typing import Final

from api.cli.conversation import Conversation
from api.cli.terminal import Terminal
from api.cli.wording import describe_error
from chat_client import ChatClient, ChatClientError, Session

_GOODBYE_S: Final = 3.0


async def visit(server: str, room: str, username: str, password: str, *, is_new: bool) -> str | None:
    """Log in, talk until the input or the connection ends, and log out.

    Args:
        server: its address.
        room: by name or id.
        username: whose visit it is.
        password: of that user.
        is_new: make the account first.

    Returns:
        What went wrong, in words; None if nothing did.
    """
    try:
        session = Session(server)
    except ValueError as error:
        return str(error)
    async with session:
        try:
            if is_new:
                await session.sign_up(username, password)
            await session.log_in(username, password)
        except ChatClientError as error:
            return describe_error(error, server)
        try:
            return await _converse(session, room)
        finally:
            with contextlib.suppress(ChatClientError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await session.log_out()


async def _converse(session: Session, room: str) -> str | None:
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
    return None if conversation.failure is None else describe_error(conversation.failure, session.server)

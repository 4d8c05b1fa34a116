"""The client: one user, one connection that is kept up, the rooms' logs without a gap, messages sent exactly once."""

import asyncio
import contextlib
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from chat_client.backoff import Backoff
from chat_client.connection import Connection
from chat_client.engine import Engine
from chat_client.errors import ChatClientError, ClientClosedError, CommandTimeoutError, ConnectionClosedError, Json
from chat_client.event_stream import EventStream
from chat_client.events import HistoryPage
from chat_client.handshake import Way
from chat_client.models import Cursor, Message, Room, User, parsed
from chat_client.outbox import Entry, MemoryOutboxStore, OutboxStore
from chat_client.rest import Rest
from chat_client.session import Session

_COMMAND_TIMEOUT_S = 30.0


class ChatClient:
    """One user on one server, connected as long as the `async with` block runs.

    Connections come and go unnoticed by callers: a message is sent again with the same key until it is acknowledged,
    other commands wait for the next connection, and `events()` goes on where it was, without a gap or a repeat.
    What ends it (the session is revoked, the account suspended, the client no longer understood) is raised by every
    call and by `events()`.

    Args:
        session: A login; stays the caller's, to be closed after the client.
        way: How the credential travels in the handshake.
        backlog: How many of the newest events `events()` begins with in each room; None for the whole log, 0 for what
            comes from now on.
        resume: Where the application's copies of rooms end already (`Event.cursor`), by room id.
        outbox: Keeps messages that are on their way; by default in memory. What it holds is sent first.
        pipeline: How many messages of one room may be unanswered at a time; above 1 a room's messages may change
            places when the server refuses one for a moment.
        buffer: How many events wait for the application before no more are taken from the rooms' logs; they are had
            from history once it has caught up.
        tls: For servers whose certificate the system does not know.
        backoff: Makes the waits between attempts; with its own randomness in tests.
    """

    def __init__(
        self,
        session: Session,
        *,
        way: Way = "header",
        backlog: int | None = 0,
        resume: Mapping[str, Cursor] | None = None,
        outbox: OutboxStore | None = None,
        pipeline: int = 1,
        buffer: int = 10_000,
        tls: ssl.SSLContext | None = None,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self.session = session
        self.rest = Rest(session)
        self._engine = Engine(
            session,
            way=way,
            backlog=backlog,
            resume=resume,
            outbox=outbox if outbox is not None else MemoryOutboxStore(),
            pipeline=pipeline,
            buffer=buffer,
            tls=tls,
            backoff=backoff,
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._running is not None:
            raise RuntimeError("a client is used once")
        self._running = asyncio.create_task(self._engine.run(), name="chat_client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection and end all calls with `ClientClosedError`; what is unsent stays in the outbox store."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._engine.stop(ClientClosedError("the client was closed"))

    # --- what is known ---

    @property
    def user(self) -> User | None:
        """Who this is; None before the first connection."""
        return self._engine.mirror.user

    @property
    def rooms(self) -> Mapping[str, Room]:
        """The user's rooms by id: counts as when they were shown last, names and the own role kept up to date."""
        return self._engine.mirror.rooms

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection at this moment."""
        return self._engine.link.connection is not None

    @property
    def pending(self) -> tuple[Entry, ...]:
        """Messages that are neither acknowledged nor refused yet, in the order of sending."""
        return self._engine.delivery.pending

    def cursors(self) -> dict[str, Cursor]:
        """Return how far each room was received, which may be ahead of what was read from `events()`."""
        return self._engine.mirror.cursors()

    def events(self) -> EventStream:
        """Return the events, for one reader: `async for event in client.events()`."""
        return self._engine.stream

    async def connected(self, *, timeout_s: float | None = None) -> User:
        """Wait for a connection and return who this is."""
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._engine.link.next_connection()
        except TimeoutError:
            raise CommandTimeoutError("no connection in time") from None
        return User.parse(connection.welcome["user"])

    # --- messages ---

    async def send(
        self, room_id: str, body: str, *, idempotency_key: str | None = None, timeout_s: float | None = None
    ) -> Message:
        """Send a message and return it once it is committed, whatever happens to the connection meanwhile.

        Without a timeout this waits as long as it takes. Cancelled or timed out, the message is given up: it is not
        tried again, but may exist if it was under way. Sending it again with the same key makes no second one.

        Raises:
            ChatApiError: refused for good.
            SendTimeoutError: not acknowledged in time.
            ChatClientError: the client stopped.
        """
        entry = Entry(idempotency_key or str(uuid.uuid4()), room_id, body)
        return await self._engine.delivery.send(entry, timeout_s=timeout_s)

    def post(self, room_id: str, body: str, *, idempotency_key: str | None = None) -> str:
        """Entrust a message to the outbox and return its key, without waiting.

        It arrives as an event like all others, or as `SendFailed` if it is refused for good.
        """
        entry = Entry(idempotency_key or str(uuid.uuid4()), room_id, body)
        self._engine.delivery.post(entry)
        return entry.idempotency_key

    async def flush(self, *, timeout_s: float | None = None) -> None:
        """Wait until nothing is pending."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._engine.delivery.flushed()
        except TimeoutError:
            raise CommandTimeoutError(f"{len(self.pending)} messages are not sent") from None

    async def edit(self, message_id: str, body: str, *, timeout_s: float = _COMMAND_TIMEOUT_S) -> Message:
        """Replace the body of an own message."""
        result = await self._command("message.edit", {"message_id": message_id, "body": body}, timeout_s)
        return parsed(lambda data: Message.parse(data["message"]), result)

    async def delete(self, message_id: str, *, timeout_s: float = _COMMAND_TIMEOUT_S) -> Message:
        """Delete a message; what is returned keeps its place and has no body."""
        result = await self._command("message.delete", {"message_id": message_id}, timeout_s)
        return parsed(lambda data: Message.parse(data["message"]), result)

    # --- other commands: while there is no connection, and when one is lost, they wait for the next ---

    async def history(
        self,
        room_id: str,
        *,
        after_seq: int = 0,
        epoch: str | None = None,
        limit: int | None = None,
        timeout_s: float = _COMMAND_TIMEOUT_S,
    ) -> HistoryPage:
        """Return events of a room's log; has no influence on `events()`."""
        fields: Json = {"room_id": room_id, "after_seq": after_seq}
        fields |= {name: value for name, value in (("epoch", epoch), ("limit", limit)) if value is not None}
        result = await self._command("history.get", fields, timeout_s)
        return parsed(lambda data: HistoryPage.parse(data, room_id=room_id), result)

    async def mark_read(self, room_id: str, seq: int, *, timeout_s: float = _COMMAND_TIMEOUT_S) -> int:
        """Note that the user has read up to `seq`; returns the mark, which never goes back."""
        result = await self._command("read.mark", {"room_id": room_id, "seq": seq}, timeout_s)
        return parsed(lambda data: int(data["read_seq"]), result)

    async def set_typing(self, room_id: str, *, typing: bool = True) -> None:
        """Tell the others; without a connection nothing happens: it would be old news."""
        connection = self._engine.link.connection
        if connection is not None:
            with contextlib.suppress(ConnectionClosedError):
                await connection.request("typing.set", {"room_id": room_id, "typing": typing})

    async def ping(self, *, timeout_s: float = _COMMAND_TIMEOUT_S) -> float:
        """Ask the server for a sign of life and return how long it took, in seconds."""
        began = time.monotonic()
        await self._command("ping", {}, timeout_s)
        return time.monotonic() - began

    async def refresh_token(self, *, timeout_s: float = _COMMAND_TIMEOUT_S) -> None:
        """Give the connection a new access token; it asks for one by itself when it needs one."""
        connection = await self._engine.link.next_connection()
        token = await self.session.refresh(stale=connection.access_token)
        await self._command("token.refresh", {"access_token": token}, timeout_s)
        connection.access_token = token

    # --- inside ---

    async def _command(self, kind: str, fields: Json, timeout_s: float) -> Json:
        connection: Connection | None = None
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    connection = await self._engine.link.next_connection(after=connection)
                    with contextlib.suppress(ConnectionClosedError):
                        return await connection.request(kind, fields)
        except TimeoutError:
            raise CommandTimeoutError(f"{kind} was not answered in time") from None


@contextlib.asynccontextmanager
async def open_client(server: str, username: str, password: str, **options: Any) -> AsyncIterator[ChatClient]:  # noqa: ANN401
    """Log in, run a client with `options` (those of `ChatClient`), and log out at the end."""
    async with Session(server) as session:
        await session.log_in(username, password)
        try:
            async with ChatClient(session, **options) as client:
                yield client
        finally:
            with contextlib.suppress(ChatClientError):
                await session.log_out()

"""Users with the client package, as tests need them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from chat_client import (
    AnyEvent,
    Backoff,
    ChatClient,
    ChatClientError,
    Connected,
    Event,
    Room,
    Session,
)
from tests.support.fixtures import MakeServer
from tests.support.people import fresh_password, fresh_username
from tests.support.server import ServerProcess

T = TypeVar("T", bound=AnyEvent)

# The rules of waiting have their own tests; here the waits only have to be short.
quick_backoff = partial(Backoff, shortest_s=0.02, longest_s=0.2, jitter=random.Random(5).uniform)


@dataclass
class Someone:
    """A user with a client, whose events are read from the first on."""

    client: ChatClient
    session: Session
    username: str
    password: str
    seen: list[AnyEvent] = field(default_factory=list)
    error: ChatClientError | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def id(self) -> str:
        assert self.client.user is not None
        return self.client.user.id

    async def read(self) -> None:
        try:
            async for event in self.client.events():
                async with self._changed:
                    self.seen.append(event)
                    self._changed.notify_all()
        except ChatClientError as error:
            self.error = error
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], object], what: str = "", *, timeout_s: float = 15) -> None:
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_s} s: {what}; seen: {self.seen[-5:]}, {self.error}") from None

    async def sees(self, kind: type[T], *, timeout_s: float = 15, **fields: object) -> T:
        """Wait for an event of this kind with these attributes."""

        def found() -> list[T]:
            return [e for e in self.seen if isinstance(e, kind) and all(getattr(e, k) == v for k, v in fields.items())]

        await self.until(found, f"{kind.__name__} {fields}", timeout_s=timeout_s)
        return found()[0]

    async def connections(self, count: int) -> None:
        """Wait until so many connections were had."""
        await self.until(lambda: len(self.of(Connected)) >= count, f"{count} connections", timeout_s=30)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.seen if isinstance(event, kind)]

    def log(self, room_id: str) -> list[tuple[int, str]]:
        return [(event.seq, event.type) for event in self.of(Event) if event.room_id == room_id]

    def bodies(self, room_id: str) -> list[str]:
        events = [event for event in self.of(Event) if event.room_id == room_id and event.type == "message.created"]
        return [event.message.body for event in events if event.message is not None]

    async def has_caught_up(self, room_id: str, *, timeout_s: float = 15) -> None:
        """Wait until the newest event of the room is seen."""
        last_seq = (await self.client.rest.room(room_id)).last_seq
        await self.until(
            lambda: any(event.room_id == room_id and event.seq == last_seq for event in self.of(Event)),
            f"event {last_seq}",
            timeout_s=timeout_s,
        )


class Join:
    """Makes users with clients, which are closed at the end of the test."""

    def __init__(self, server_with: MakeServer, stack: AsyncExitStack) -> None:
        self._server_with = server_with
        self._stack = stack

    async def __call__(self, server: ServerProcess | None = None, **options: Any) -> Someone:  # noqa: ANN401
        server = server if server is not None else self._server_with()
        username, password = fresh_username(), fresh_password()
        server.keep_secret(password)
        session = await self._stack.enter_async_context(Session(server.url))
        await session.sign_up(username, password)
        await session.log_in(username, password)
        return await self.again(session, username, password, **options)

    async def again(self, session: Session, username: str, password: str, **options: Any) -> Someone:  # noqa: ANN401
        client = ChatClient(session, **({"backoff": quick_backoff} | options))
        someone = Someone(client, session, username, password)
        reading = asyncio.create_task(someone.read())
        self._stack.push_async_callback(self._finish, client, reading)
        await self._stack.enter_async_context(client)
        return someone

    async def _finish(self, client: ChatClient, reading: asyncio.Task[None]) -> None:
        await client.aclose()
        await reading


@asynccontextmanager
async def joining(server_with: MakeServer) -> AsyncIterator[Join]:
    """Give a maker of users; closes their clients at the end, and checks that these leave no task behind."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        yield Join(server_with, stack)
    left = {task for task in asyncio.all_tasks() - before if task.get_name().startswith("chat_client")}
    assert not left, "closing a client leaves no task behind"


async def meet(owner: Someone, *others: Someone, **fields: str) -> Room:
    """Make a room of these people."""
    await owner.client.connected()
    room = await owner.client.rest.create_room(f"room {random.random()}", **fields)
    for other in others:
        await other.client.connected()
        await owner.client.rest.put_member(room.id, other.id)
    for someone in (owner, *others):
        await someone.until(lambda: room.id in someone.client.rooms, "the room")  # noqa: B023 - used at once
    return room


async def whole_log(someone: Someone, room_id: str) -> list[tuple[int, str]]:
    """Read the log over REST."""
    found: list[tuple[int, str]] = []
    while True:
        page = await someone.client.rest.events(room_id, after_seq=len(found), limit=200)
        found += [(event.seq, event.type) for event in page.items]
        if not page.has_more:
            return found

"""A database with people and rooms, and what the writer told of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import uuid_utils

from api.domain.errors import ErrorCode
from api.domain.events import Event, EventType
from api.domain.models import Role, RoomInfo, User, UserRole, Visibility
from api.store.base import Append, Committed, Written
from api.store.snapshot import Unit
from api.store.sqlite import SqliteStore
from tests.support.accounts import START_MS, Clock, open_store

T = TypeVar("T")

WAIT_S = 10.0


def new_id() -> str:
    """Make an id."""
    return str(uuid_utils.uuid7())


@dataclass
class Scene:
    """A store whose listener keeps what it hears."""

    store: SqliteStore
    clock: Clock
    heard: list[Append | Written] = field(default_factory=list)
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    def listen(self, committed: Committed) -> None:
        """Keep what was committed."""
        self.heard += committed
        self._told.set()

    async def hears(self, count: int) -> list[Append | Written]:
        """Wait until so many entries were told in all."""
        async with asyncio.timeout(WAIT_S):
            while len(self.heard) < count:
                self._told.clear()
                await self._told.wait()
        return self.heard

    async def user(self, username: str, *, is_admin: bool = False) -> User:
        """Add a user."""
        role = UserRole.ADMIN if is_admin else UserRole.USER
        user = User(new_id(), username, username.title(), role, START_MS)
        await self.store.write(lambda unit: unit.users.insert(user, None))
        return user

    async def room(
        self, owner: User, *members: User, name: str = "tea", visibility: Visibility = Visibility.PUBLIC
    ) -> str:
        """Add a room with its first events."""
        room = RoomInfo(new_id(), name, "", visibility)

        def job(unit: Unit) -> None:
            unit.rooms.insert(room, epoch="e1", now_ms=unit.now_ms)
            unit.append(room.id, EventType.ROOM_CREATED, owner.ref, room=room)
            unit.members.add(room.id, owner.id, Role.OWNER, read_seq=1, now_ms=unit.now_ms)
            for member in members:
                add(unit, room.id, member)

        await self.store.write(job)
        return room.id

    def submit(
        self, author: User, room_id: str, body: str = "hello", *, key: str | None = None, message_id: str | None = None
    ) -> Append:
        """Queue a message."""
        append = Append(message_id or new_id(), room_id, author, body, key)
        self.store.submit(append)
        return append

    async def send(self, author: User, room_id: str, body: str = "hello", *, key: str | None = None) -> Append:
        """Send a message and wait for its commit."""
        append = self.submit(author, room_id, body, key=key)
        await self.store.write(lambda _unit: None)  # what was asked first is committed first
        return append

    async def log(self, room_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[Event]:
        """Read a room's log."""
        return await self.store.read(lambda rows: rows.log.events(room_id, after_seq=after_seq, limit=limit))

    async def begin(self, job: Callable[[Unit], T]) -> asyncio.Task[T]:
        """Queue a job, and do not wait for it."""
        task = asyncio.ensure_future(self.store.write(job))
        await asyncio.sleep(0)
        return task

    @asynccontextmanager
    async def one_batch(self) -> AsyncIterator[None]:
        """Commit together what is queued inside: the writer's thread is kept busy until all of it is."""
        is_busy, may_go_on = threading.Event(), threading.Event()

        def busy(_unit: Unit) -> None:
            is_busy.set()
            may_go_on.wait(WAIT_S)

        blocking = await self.begin(busy)
        await asyncio.to_thread(is_busy.wait, WAIT_S)
        try:
            yield
        finally:
            may_go_on.set()
            await blocking


def add(unit: Unit, room_id: str, user: User, role: Role = Role.MEMBER) -> Event:
    """Add a member with his event."""
    event = unit.append(room_id, EventType.MEMBER_JOINED, user.ref, user=user.ref, role=role)
    unit.members.add(room_id, user.id, role, read_seq=event.seq, now_ms=unit.now_ms)
    return event


def outcome(append: Append) -> int | ErrorCode | None:
    """What became of a message: its seq, or why not; None while it is not decided."""
    if append.message is not None:
        return append.message.seq
    return None if append.error is None else append.error.code


@asynccontextmanager
async def open_scene(folder: Path) -> AsyncIterator[Scene]:
    """Open a database in this folder."""
    clock = Clock()
    async with open_store(folder, clock) as store:
        scene = Scene(store, clock)
        store.on_committed = scene.listen
        yield scene

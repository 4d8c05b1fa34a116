"""Joining the live stream: a connection into the rooms of its user, a user's connections into one more room.

Both go the same way: look at the store, follow the rooms, wait until their dispatchers are as far as what was seen,
and then, in one step of the event loop without an await, go in at the dispatchers' heads, unless a membership of the
user has changed since the look: then look again. So nothing falls between the store and the stream (ADR 2).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from api import log_events
from api.broadcast.base import Connection
from api.broadcast.followed import FollowedRooms
from api.broadcast.hub import Hub
from api.domain.models import Room
from api.protocol import frames
from api.store.base import Store
from api.store.gathering import Gathering

ADMISSION_WAIT_S = 1.0


class Joining:
    """Everybody who is on the way in."""

    def __init__(self, *, store: Store, hub: Hub, followed: FollowedRooms) -> None:
        self._store = store
        self._hub = hub
        self._followed = followed
        # Connections between their look at the store and `welcome`: True once what they saw is out of date.
        self._connections: dict[Connection, bool] = {}
        # Users on the way into a room: True once they have to look again.
        self._users: dict[tuple[str, str], bool] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        # At which version of a user's rooms all of his live connections were in all of them, or will be.
        self._rooms_versions: dict[str, int] = {}
        self._rooms = Gathering(self._read_rooms)

    async def join(
        self,
        connection: Connection,
        *,
        check: Callable[[], Awaitable[None]],
        welcome: Callable[[list[Room]], bytes],
    ) -> None:
        """Let a registered connection go live in all rooms of its user, with `welcome` as its first frame.

        Args:
            check: raises ChatError when the session has ended; asked anew with every look at the rooms, after the
                connection was registered, so that a logout is either seen here or closes the connection.
            welcome: makes the frame of the rooms, each with its live cursor as `last_seq`.

        Raises:
            ChatError: what `check` raised, or `unavailable`.
        """
        user_id = connection.user.id
        try:
            while True:
                self._connections[connection] = False
                await check()
                rooms, version = await self._rooms.get(user_id) or ([], 0)
                dispatchers = [await self._followed.follow(room.id) for room in rooms]
                for room, dispatcher in zip(rooms, dispatchers, strict=True):
                    await dispatcher.reach(room.last_seq)
                if not self._connections[connection] and all(
                    dispatcher.is_current(user_id, room.last_seq)
                    for room, dispatcher in zip(rooms, dispatchers, strict=True)
                ):
                    break
        finally:
            del self._connections[connection]
        self._rooms_versions[user_id] = min(version, self._rooms_versions.get(user_id, version))
        cursors = [replace(room, last_seq=d.head) for room, d in zip(rooms, dispatchers, strict=True)]
        connection.outbox.push(welcome(cursors))
        connection.is_live = True
        for dispatcher in dispatchers:
            dispatcher.add(connection)

    def user_joined(self, user_id: str, room_id: str) -> None:
        """Let a user's live connections into a room that he has joined; those on their way look again."""
        connections = self._hub.of_user(user_id)
        for connection in connections:
            if connection in self._connections:
                self._connections[connection] = True
        key = (user_id, room_id)
        if key in self._users:
            self._users[key] = True
        elif connections:
            self._users[key] = True
            task = asyncio.create_task(self._admit(user_id, room_id))
            self._tasks[key] = task
            task.add_done_callback(lambda _done: self._tasks.pop(key, None))

    async def admitted(self, user_id: str, room_id: str) -> None:
        """Wait until a user's live connections are in the room he has just joined, one second at most."""
        task = self._tasks.get((user_id, room_id))
        if task is not None:
            await asyncio.wait([task], timeout=ADMISSION_WAIT_S)

    async def check(self) -> None:
        """Find joins that no event told of: into a room that this node does not follow, with the hint lost."""
        user_ids = self._hub.user_ids()
        self._rooms_versions = {user_id: v for user_id, v in self._rooms_versions.items() if self._hub.of_user(user_id)}
        versions = await self._store.read(lambda snapshot: snapshot.users.rooms_versions(user_ids))
        for user_id, version in versions.items():
            if self._rooms_versions.get(user_id) == version:
                continue
            room_ids = await self._store.read(
                lambda snapshot, user_id=user_id: snapshot.members.room_ids(user_id)  # type: ignore[misc]
            )
            self._rooms_versions[user_id] = version
            for room_id in room_ids:
                if any(c.is_live and room_id not in c.room_ids for c in self._hub.of_user(user_id)):
                    self.user_joined(user_id, room_id)

    async def _read_rooms(self, user_ids: Sequence[str]) -> dict[str, tuple[list[Room], int]]:
        rooms, versions = await self._store.read(
            lambda snapshot: (snapshot.rooms.joined_by(user_ids), snapshot.users.rooms_versions(user_ids))
        )
        return {user_id: (theirs, versions.get(user_id, 0)) for user_id, theirs in rooms.items()}

    async def _admit(self, user_id: str, room_id: str) -> None:
        key = (user_id, room_id)
        try:
            while self._users[key]:
                self._users[key] = False
                dispatcher = await self._followed.follow(room_id)
                room = await self._store.read(lambda snapshot: snapshot.rooms.find(room_id, user_id))
                if room is None or room.me is None:
                    continue
                await dispatcher.reach(room.last_seq)
                if self._users[key] or not dispatcher.is_current(user_id, room.last_seq):
                    self._users[key] = True
                    continue
                pushed = frames.room_joined(replace(room, last_seq=dispatcher.head))
                for connection in self._hub.of_user(user_id):
                    if connection.is_live and connection not in dispatcher:
                        connection.outbox.push(pushed)
                        dispatcher.add(connection)
        except Exception as error:  # noqa: BLE001 - whatever it was, above all a store that is away, it is tried again
            # A version that never was makes the next check find the room missing.
            self._rooms_versions[user_id] = -1
            log_events.BROADCAST_FAILED.emit(exc_info=error, room_id=room_id, user_id=user_id)
        finally:
            del self._users[key]

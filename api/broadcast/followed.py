"""The rooms that this node follows: a dispatcher each, from the first connection to some time after the last."""

import asyncio
from collections.abc import Callable, Sequence

from api.broadcast.base import Broker, OnHint, Origin
from api.broadcast.dispatcher import Dispatcher
from api.broadcast.stats import NodeStats
from api.domain.events import Event
from api.store.base import Store
from api.store.gathering import Gathering


class FollowedRooms:
    """The dispatchers of this node.

    Args:
        on_hint: hears the broker's hints of every followed room.
        on_joined: told of each user who joined a followed room: user id, room id.
    """

    def __init__(
        self,
        *,
        store: Store,
        broker: Broker,
        origins: dict[str, Origin],
        on_hint: OnHint,
        on_joined: Callable[[str, str], None],
        stats: NodeStats,
    ) -> None:
        self._store = store
        self._broker = broker
        self._origins = origins
        self._on_hint = on_hint
        self._on_joined = on_joined
        self._stats = stats
        self._dispatchers: dict[str, Dispatcher] = {}
        self._activations: dict[str, asyncio.Task[Dispatcher]] = {}
        # Those that the last check found idle.
        self._idle: set[Dispatcher] = set()
        self._last_seqs = Gathering(self._read_last_seqs)

    def __len__(self) -> int:
        """Count the rooms."""
        return len(self._dispatchers)

    def get(self, room_id: str) -> Dispatcher | None:
        """Find the dispatcher of a room, active or about to be."""
        return self._dispatchers.get(room_id)

    async def follow(self, room_id: str) -> Dispatcher:
        """Find the active dispatcher of a room, or make one: subscribe first, then read where the log stands.

        Raises:
            ChatError: `unavailable`.
        """
        dispatcher = self._dispatchers.get(room_id)
        if dispatcher is not None and dispatcher.is_active:
            return dispatcher
        activation = self._activations.get(room_id)
        if activation is None:
            activation = asyncio.create_task(self._activate(room_id))
            self._activations[room_id] = activation
            activation.add_done_callback(lambda _done: self._activations.pop(room_id, None))
        # Others may wait for it, too: who gives up must not take it from them.
        return await asyncio.shield(activation)

    async def check(self) -> None:
        """Compare every room with the store, and let go of those that nobody here was in at this check and the last.

        Not at once: a connection on its way into many rooms would find the first ones gone when it has the last.
        """
        idle = {dispatcher for dispatcher in self._dispatchers.values() if dispatcher.is_idle}
        for dispatcher in idle & self._idle:
            self._unfollow(dispatcher)
        self._idle = idle - self._idle
        room_ids = list(self._dispatchers)
        if not room_ids:
            return
        heads = await self._store.read(lambda snapshot: snapshot.rooms.heads(room_ids))
        for room_id, (last_seq, _member_count) in heads.items():
            if (followed := self._dispatchers.get(room_id)) is not None:
                followed.notice(last_seq)
                followed.forget_changes()
                followed.recount()  # no event tells of a sign-up on another node

    async def _activate(self, room_id: str) -> Dispatcher:
        dispatcher = Dispatcher(
            room_id,
            read_events=self._read_events,
            origins=self._origins,
            on_joined=self._on_joined,
            stats=self._stats,
        )
        self._dispatchers[room_id] = dispatcher
        try:
            await self._broker.subscribe(room_id, self._on_hint)
            last_seq = await self._last_seqs.get(room_id)
            if last_seq is None:
                raise LookupError(f"no room {room_id}")
        except BaseException:
            self._unfollow(dispatcher)
            raise
        dispatcher.activate(last_seq)
        return dispatcher

    async def _read_last_seqs(self, room_ids: Sequence[str]) -> dict[str, int]:
        heads = await self._store.read(lambda snapshot: snapshot.rooms.heads(room_ids))
        return {room_id: last_seq for room_id, (last_seq, _member_count) in heads.items()}

    def _unfollow(self, dispatcher: Dispatcher) -> None:
        del self._dispatchers[dispatcher.room_id]
        dispatcher.deactivate()
        unsubscribing = asyncio.ensure_future(self._broker.unsubscribe(dispatcher.room_id, self._on_hint))
        # A broker that is away keeps no subscription either.
        unsubscribing.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _read_events(self, room_id: str, after_seq: int, limit: int) -> list[Event]:
        return await self._store.read(lambda snapshot: snapshot.log.events(room_id, after_seq=after_seq, limit=limit))

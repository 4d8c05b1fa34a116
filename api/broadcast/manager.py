"""The broadcast manager: what was committed goes in, every connection gets its events out.

On the path: `store.writer` calls `committed`; each event goes to this node's dispatcher of its room, then to the
broker. Joining, both of a connection and of a user, happens here, because it ties hub, store and dispatchers together.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from time import monotonic

from api import log_events
from api.broadcast.base import Broker, Connection, EphemeralHint, EventHint, Hint, Origin
from api.broadcast.dispatcher import Dispatcher
from api.broadcast.hub import Hub
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError
from api.domain.events import Event
from api.domain.models import Room, User
from api.protocol import frames
from api.protocol.problems import CloseCode
from api.store.base import Append, Committed, Store

SMALL_ROOM_MEMBERS = 100
"""Up to this many members, a room's members see who types and who has read."""

ADMISSION_WAIT_S = 1.0


class BroadcastManager:
    """Carry committed events to this node's connections, and hints to the other nodes.

    Nothing on the way of an event waits for a socket. All state belongs to the event loop's thread.
    """

    def __init__(self, *, store: Store, broker: Broker, hub: Hub, stats: NodeStats) -> None:
        self._store = store
        self._broker = broker
        self._hub = hub
        self._stats = stats
        self._dispatchers: dict[str, Dispatcher] = {}
        self._activations: dict[str, asyncio.Task[Dispatcher]] = {}
        self._origins: dict[str, Origin] = {}
        # Connections between their first look at the store and `welcome`: True once what they saw is out of date.
        self._joining: dict[Connection, bool] = {}
        # Users on their way into a room with their live connections: True once they have to look again.
        self._admissions: dict[tuple[str, str], bool] = {}
        self._admission_tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    @property
    def followed_rooms(self) -> int:
        """Count the rooms that have a dispatcher here."""
        return len(self._dispatchers)

    # --- from the store

    def expect(self, message_id: str, origin: Origin) -> None:
        """Remember who waits for a message, before it goes to the store."""
        self._origins[message_id] = origin

    def forget(self, message_id: str) -> None:
        """Take back `expect`: the store did not take the message."""
        self._origins.pop(message_id, None)

    def committed(self, batch: Committed) -> None:
        """Publish what one transaction made, in its order, and answer who waits; called on the event loop."""
        for entry in batch:
            try:
                if isinstance(entry, Append):
                    self._settle(entry)
                else:
                    for event in entry.events:
                        self._publish(event)
            except Exception as error:  # noqa: BLE001 - one event's fault must not keep the others back
                log_events.BROADCAST_FAILED.emit(exc_info=error)

    def _settle(self, append: Append) -> None:
        message = append.message
        if message is None or append.duplicate:
            origin = self._origins.pop(append.message_id, None)
            if origin is not None and message is not None:
                origin.settle(message, duplicate=True)
            elif origin is not None and append.error is not None:
                origin.fail(append.error)
            return
        self._stats.messages += 1
        self._publish(Event.of_message(message))
        self._stats.delivery_latency.observe(monotonic() - append.submitted_s)
        origin = self._origins.get(message.id)
        if origin is None:
            return
        dispatcher = self._dispatchers.get(message.room_id)
        if dispatcher is None or not dispatcher.will_deliver_to(origin.connection, message.seq):
            del self._origins[message.id]
            origin.settle(message, duplicate=False)

    def _publish(self, event: Event) -> None:
        dispatcher = self._dispatchers.get(event.room_id)
        if dispatcher is not None:
            dispatcher.offer(event)
            if dispatcher.is_deleted:
                self._unfollow(dispatcher)
        if event.joiner is not None:
            self._user_joined(event.joiner.id, event.room_id)
        self._broker.publish(event.room_id, EventHint(event), self._hint_received)

    # --- from the broker

    def _hint_received(self, hint: Hint) -> None:
        if isinstance(hint, EphemeralHint):
            self._push_ephemeral(hint, None)
            return
        dispatcher = self._dispatchers.get(hint.event.room_id)
        if dispatcher is not None:
            dispatcher.offer(hint.event)
            if dispatcher.is_deleted:
                self._unfollow(dispatcher)

    # --- rooms of this node

    async def _follow(self, room_id: str) -> Dispatcher:
        dispatcher = self._dispatchers.get(room_id)
        if dispatcher is not None and dispatcher.is_active:
            return dispatcher
        activation = self._activations.get(room_id)
        if activation is None:
            activation = asyncio.create_task(self._activate(room_id))
            self._activations[room_id] = activation
            activation.add_done_callback(lambda _done: self._activations.pop(room_id, None))
        return await asyncio.shield(activation)

    async def _activate(self, room_id: str) -> Dispatcher:
        dispatcher = Dispatcher(
            room_id,
            read_events=self._read_events,
            origins=self._origins,
            on_joined=self._user_joined,
            stats=self._stats,
        )
        self._dispatchers[room_id] = dispatcher
        try:
            await self._broker.subscribe(room_id, self._hint_received)
            head, member_count = await self._store.read(lambda snapshot: snapshot.rooms.head(room_id))
        except BaseException:
            self._dispatchers.pop(room_id, None)
            raise
        dispatcher.activate(head, member_count)
        return dispatcher

    def _unfollow(self, dispatcher: Dispatcher) -> None:
        if self._dispatchers.get(dispatcher.room_id) is dispatcher:
            del self._dispatchers[dispatcher.room_id]
        dispatcher.deactivate()
        unsubscribing = asyncio.ensure_future(self._broker.unsubscribe(dispatcher.room_id, self._hint_received))
        unsubscribing.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _read_events(self, room_id: str, after_seq: int, limit: int) -> list[Event]:
        return await self._store.read(lambda snapshot: snapshot.log.events(room_id, after_seq=after_seq, limit=limit))

    # --- joining the live stream

    async def join(
        self,
        connection: Connection,
        *,
        check: Callable[[], Awaitable[None]],
        welcome: Callable[[list[Room]], bytes],
    ) -> None:
        """Let a registered connection go live in all rooms of its user, with `welcome` as its first frame.

        The rooms are read after the connection was registered; whatever changes between that look and the last step,
        which has no await, is either seen in the step (then everything is read again) or comes to the live connection.

        Args:
            check: raises ChatError when the session has ended; asked anew with every look at the rooms.
            welcome: makes the frame of the rooms, each with its live cursor as `last_seq`.

        Raises:
            ChatError: what `check` raised, or `unavailable`.
        """
        user_id = connection.user.id
        try:
            while True:
                self._joining[connection] = False
                await check()
                rooms = await self._store.read(lambda snapshot: snapshot.rooms.joined(user_id))
                dispatchers = [await self._follow(room.id) for room in rooms]
                for room, dispatcher in zip(rooms, dispatchers, strict=True):
                    await dispatcher.reach(room.last_seq)
                if not self._joining[connection] and not any(
                    not dispatcher.is_active or dispatcher.has_changed(user_id, room.last_seq)
                    for room, dispatcher in zip(rooms, dispatchers, strict=True)
                ):
                    break
        finally:
            del self._joining[connection]
        cursors = [replace(room, last_seq=d.head) for room, d in zip(rooms, dispatchers, strict=True)]
        connection.outbox.push(welcome(cursors))
        connection.is_live = True
        for dispatcher in dispatchers:
            dispatcher.add(connection)

    def leave(self, connection: Connection) -> None:
        """Take a connection that ended out of every room."""
        for room_id in tuple(connection.room_ids):
            self._dispatchers[room_id].discard(connection)

    def _user_joined(self, user_id: str, room_id: str) -> None:
        connections = self._hub.of_user(user_id)
        if not connections:
            return
        for connection in connections:
            if connection in self._joining:
                self._joining[connection] = True
        key = (user_id, room_id)
        if key in self._admissions:
            self._admissions[key] = True
            return
        self._admissions[key] = True
        task = asyncio.create_task(self._admit(user_id, room_id))
        self._admission_tasks[key] = task
        task.add_done_callback(lambda _done: self._admission_tasks.pop(key, None))

    async def _admit(self, user_id: str, room_id: str) -> None:
        key = (user_id, room_id)
        try:
            while self._admissions[key]:
                self._admissions[key] = False
                dispatcher = await self._follow(room_id)
                room = await self._store.read(lambda snapshot: snapshot.rooms.find(room_id, user_id))
                if room is None or room.me is None:
                    continue
                await dispatcher.reach(room.last_seq)
                if self._admissions[key] or not dispatcher.is_active or dispatcher.has_changed(user_id, room.last_seq):
                    self._admissions[key] = True
                    continue
                pushed = frames.room_joined(replace(room, last_seq=dispatcher.head))
                for connection in self._hub.of_user(user_id):
                    if connection.is_live and connection not in dispatcher:
                        connection.outbox.push(pushed)
                        dispatcher.add(connection)
        except ChatError as error:
            # The store is away. The ticker finds the room missing and starts again.
            log_events.BROADCAST_FAILED.emit(exc_info=error, room_id=room_id, user_id=user_id)
        finally:
            del self._admissions[key]

    async def admitted(self, user_id: str, room_id: str) -> None:
        """Wait until a user's live connections have the room he has just joined, one second at most."""
        task = self._admission_tasks.get((user_id, room_id))
        if task is not None:
            await asyncio.wait([task], timeout=ADMISSION_WAIT_S)

    # --- the ticker's checks

    async def check_rooms(self) -> None:
        """Compare every followed room with the store, let go of rooms that nobody here is in, find missed joins."""
        for dispatcher in list(self._dispatchers.values()):
            if dispatcher.is_active and not dispatcher.connections():
                self._unfollow(dispatcher)
        heads = await self._store.read(lambda snapshot: snapshot.rooms.heads(list(self._dispatchers)))
        for room_id, last_seq in heads.items():
            if (followed := self._dispatchers.get(room_id)) is not None:
                followed.notice(last_seq)
        if not self._joining and not self._admissions:
            for dispatcher in self._dispatchers.values():
                dispatcher.forget_changes()

    # --- pushes that are no events

    def is_in_room(self, connection: Connection, room_id: str) -> bool:
        """Tell whether a connection gets a room's events."""
        dispatcher = self._dispatchers.get(room_id)
        return dispatcher is not None and connection in dispatcher

    async def member_count(self, room_id: str) -> int:
        """Count a room's members, from memory where that is up to date."""
        dispatcher = self._dispatchers.get(room_id)
        if dispatcher is not None and dispatcher.member_count is not None:
            return dispatcher.member_count
        _head, count = await self._store.read(lambda snapshot: snapshot.rooms.head(room_id))
        if dispatcher is not None:
            dispatcher.member_count = count
        return count

    def push(self, hint: EphemeralHint, sender: Connection | None) -> None:
        """Send an ephemeral push to a room's members, here and on other nodes; never to the connection that made it."""
        self._push_ephemeral(hint, sender)
        self._broker.publish(hint.room_id, hint, self._hint_received)

    def _push_ephemeral(self, hint: EphemeralHint, sender: Connection | None) -> None:
        dispatcher = self._dispatchers.get(hint.room_id)
        if dispatcher is None:
            return
        for connection in dispatcher.connections():
            is_own = connection.user.id == hint.user_id
            if connection is not sender and (hint.to_own if is_own else hint.to_others):
                connection.outbox.push_ephemeral(hint.payload)

    # --- sessions and users that have changed

    def close_sessions(self, session_ids: Collection[str], code: CloseCode) -> None:
        """Close all connections of these sessions."""
        self._hub.close_sessions(session_ids, code)

    def close_user(self, user_id: str, code: CloseCode) -> None:
        """Close all connections of a user."""
        self._hub.close_user(user_id, code)

    def refresh_user(self, user: User) -> None:
        """Show a user's new name and role in what his live connections do from now on."""
        for connection in self._hub.of_user(user.id):
            connection.user = user

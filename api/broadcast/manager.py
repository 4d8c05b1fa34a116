"""The broadcast manager: what was committed goes in, every connection gets its events out.

On the path: `store.writer` calls `committed`; each event goes to this node's dispatcher of its room, then to the
broker. Dispatcher, hub and outbox do the rest.
"""

from collections.abc import Awaitable, Callable, Collection
from time import monotonic

from api import log_events
from api.broadcast.base import Broker, Connection, EphemeralHint, EventHint, Hint, Origin
from api.broadcast.followed import FollowedRooms
from api.broadcast.hub import Hub
from api.broadcast.joining import Joining
from api.broadcast.stats import NodeStats
from api.domain.errors import internal_error
from api.domain.events import Event
from api.domain.models import Room, User
from api.protocol.problems import CloseCode
from api.store.base import Append, Committed, Store

SMALL_ROOM_MEMBERS = 100
"""Up to this many members, a room's members see who types and who has read."""


class BroadcastManager:
    """Carry committed events to this node's connections, and hints to the other nodes.

    Nothing on the way of an event waits for a socket. All state belongs to the event loop's thread.
    """

    def __init__(self, *, store: Store, broker: Broker, hub: Hub, stats: NodeStats) -> None:
        self._store = store
        self._broker = broker
        self._hub = hub
        self._stats = stats
        # Who waits for which message of this node.
        self._origins: dict[str, Origin] = {}
        self._followed = FollowedRooms(
            store=store,
            broker=broker,
            origins=self._origins,
            on_hint=self._hint_received,
            on_joined=self._user_joined,
            stats=stats,
        )
        self._joining = Joining(store=store, hub=hub, followed=self._followed)

    @property
    def followed_rooms(self) -> int:
        """Count the rooms that have a dispatcher here."""
        return len(self._followed)

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
            if isinstance(entry, Append):
                self._settle_alone(entry)
            else:
                for room_id in entry.recounted:
                    self._recount(room_id)
                for event in entry.events:
                    self._publish_alone(event)

    def _settle_alone(self, append: Append) -> None:
        try:
            self._settle(append)
        except Exception as error:  # noqa: BLE001 - one message's fault must not keep the others back
            log_events.BROADCAST_FAILED.emit(exc_info=error, room_id=append.room_id)
            self._abandon(append)

    def _publish_alone(self, event: Event) -> None:
        try:
            self._publish(event)
        except Exception as error:  # noqa: BLE001 - one event's fault must not keep the others back
            log_events.BROADCAST_FAILED.emit(exc_info=error, room_id=event.room_id)

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
        # Above a hole the ack of a connection has to wait for the message's delivery, even if the connection is not in
        # the room yet: it may come in below the message. Where nothing will be delivered, the ack stands for nothing.
        dispatcher = self._followed.get(message.room_id)
        if origin.connection is None or dispatcher is None or not dispatcher.will_deliver(message.seq):
            del self._origins[message.id]
            origin.settle(message, duplicate=False)

    def _abandon(self, append: Append) -> None:
        origin = self._origins.pop(append.message_id, None)
        if origin is not None:
            origin.fail(internal_error())

    def _publish(self, event: Event) -> None:
        self._offer(event)
        self._broker.publish(event.room_id, EventHint(event), self._hint_received)

    def _recount(self, room_id: str) -> None:
        dispatcher = self._followed.get(room_id)
        if dispatcher is not None:
            dispatcher.recount()

    def _offer(self, event: Event) -> None:
        dispatcher = self._followed.get(event.room_id)
        if dispatcher is not None:
            dispatcher.offer(event)
        if event.joiner is not None:
            self._user_joined(event.joiner.id, event.room_id)

    def _user_joined(self, user_id: str, room_id: str) -> None:
        self._joining.user_joined(user_id, room_id)

    # --- from the broker

    def _hint_received(self, hint: Hint) -> None:
        if isinstance(hint, EventHint):
            self._offer(hint.event)
        else:
            self._push_here(hint, None)

    # --- connections

    async def join(
        self,
        connection: Connection,
        *,
        check: Callable[[], Awaitable[None]],
        welcome: Callable[[list[Room]], bytes],
    ) -> None:
        """Let a registered connection go live; see `Joining.join`."""
        await self._joining.join(connection, check=check, welcome=welcome)

    def leave(self, connection: Connection) -> None:
        """Take a connection that ended out of every room."""
        for room_id in tuple(connection.room_ids):
            dispatcher = self._followed.get(room_id)
            if dispatcher is not None:
                dispatcher.discard(connection)

    async def admitted(self, user_id: str, room_id: str) -> None:
        """Wait until a user's live connections are in the room he has just joined; see `Joining.admitted`."""
        await self._joining.admitted(user_id, room_id)

    async def check_rooms(self) -> None:
        """Compare what this node knows of rooms and memberships with the store, and heal what differs."""
        await self._followed.check()
        await self._joining.check()

    # --- pushes that are no events

    def is_in_room(self, connection: Connection, room_id: str) -> bool:
        """Tell whether a connection gets a room's events."""
        return room_id in connection.room_ids

    async def member_count(self, room_id: str) -> int:
        """Count a room's members, from memory where that is up to date."""
        dispatcher = self._followed.get(room_id)
        if dispatcher is not None and dispatcher.member_count is not None:
            return dispatcher.member_count
        recounts = None if dispatcher is None else dispatcher.recounts
        _last_seq, member_count = await self._store.read(lambda snapshot: snapshot.rooms.head(room_id))
        if dispatcher is not None and dispatcher.recounts == recounts:
            dispatcher.member_count = member_count
        return member_count

    def push(self, hint: EphemeralHint, sender: Connection | None) -> None:
        """Send an ephemeral push to a room's members, here and on other nodes; never to the connection that made it."""
        self._push_here(hint, sender)
        self._broker.publish(hint.room_id, hint, self._hint_received)

    def _push_here(self, hint: EphemeralHint, sender: Connection | None) -> None:
        dispatcher = self._followed.get(hint.room_id)
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

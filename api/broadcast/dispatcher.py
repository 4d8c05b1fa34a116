"""One room on one node: events come in in any order and more than once, and go out in the order of `seq`, once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from api import log_events
from api.broadcast.base import Connection, Origin
from api.broadcast.stats import NodeStats
from api.broadcast.wire import PreparedFrame
from api.domain.errors import ChatError, ErrorCode
from api.domain.events import DEPARTURES, Event, EventType
from api.protocol import frames
from api.protocol.codec import encode

EXPRESS_CONNECTIONS_MAX = 100
"""Rooms with more connections than these wait for those with fewer, where both have something to send."""

REFILL_LIMIT = 200
REFILL_RETRY_S = 0.5

ReadEvents = Callable[[str, int, int], Awaitable[list[Event]]]
"""Read a room's events: room id, after which `seq`, how many."""


class Dispatcher:
    """Give one room's events to the connections of this node.

    `head` is the last `seq` given to them: at or below it, an event is dropped; the next is delivered; anything
    beyond shows a hole, which is filled from the store. Hints may be lost, doubled or late. Every connection in the
    room stands at `head`, so one that joins in a single step of the event loop misses nothing and gets nothing twice.

    Args:
        origins: who waits for which message of this node; shared by all dispatchers.
        on_joined: told of each user who joined the room: his connections are let in from outside.
    """

    def __init__(
        self,
        room_id: str,
        *,
        read_events: ReadEvents,
        origins: dict[str, Origin],
        on_joined: Callable[[str, str], None],
        stats: NodeStats,
    ) -> None:
        self.room_id = room_id
        self.head = 0
        # None until somebody has asked the store; `recounts` tells whether his answer is still up to date.
        self.member_count: int | None = None
        self.recounts = 0
        self.is_active = False
        self._highest = 0
        # Membership changes by user, complete above `_known_from`.
        self._known_from = 0
        self._connections: dict[Connection, None] = {}
        self._changed: dict[str, int] = {}
        self._read_events = read_events
        self._origins = origins
        self._on_joined = on_joined
        self._stats = stats
        self._refill: asyncio.Task[None] | None = None
        self._reached: list[tuple[int, asyncio.Future[None]]] = []

    def activate(self, head: int) -> None:
        """Begin at `head`, which was read after the broker had confirmed the subscription."""
        self.head = self._known_from = head
        self.is_active = True
        if self._highest > head:
            self.catch_up()

    def deactivate(self) -> None:
        """End: nobody here is in the room."""
        self.is_active = False
        if self._refill is not None:
            self._refill.cancel()
        for _seq, reached in self._reached:
            if not reached.done():
                reached.set_result(None)

    def offer(self, event: Event) -> None:
        """Take an event from a commit on this node or from a hint."""
        self._highest = max(self._highest, event.seq)
        if not self.is_active or event.seq <= self.head:
            return
        if event.seq == self.head + 1:
            self._deliver(event)
        else:
            self.catch_up()

    def notice(self, last_seq: int) -> None:
        """Learn from the store how long the log is: this heals a lost tail, which no later hint would show."""
        self._highest = max(self._highest, last_seq)
        if self.is_active and last_seq > self.head:
            self.catch_up()

    def catch_up(self) -> None:
        """Fill the hole above `head` from the store; one filling at a time."""
        if self._refill is None or self._refill.done():
            self._refill = asyncio.get_running_loop().create_task(self._fill())

    async def reach(self, seq: int) -> None:
        """Wait until `head` is at `seq` or beyond, or the dispatcher has ended.

        Raises:
            ChatError: `unavailable`, the hole below could not be filled; the ticker tries again.
        """
        if self.head < seq and self.is_active:
            reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._reached.append((seq, reached))
            self.notice(seq)
            await reached

    @property
    def is_idle(self) -> bool:
        """Tell whether nobody here is in the room, and nobody's message is still to be answered by its delivery."""
        return self.is_active and not self._connections and (self._refill is None or self._refill.done())

    def will_deliver(self, seq: int) -> bool:
        """Tell whether the event at `seq` is still to come."""
        return self.is_active and seq > self.head

    def is_current(self, user_id: str, seq: int) -> bool:
        """Tell whether what the store said of this user's membership at `seq` is sure to hold at `head`.

        Of what came before this dispatcher began, or was forgotten, it knows nothing: ask the store again.
        """
        return self.is_active and self._known_from <= seq and self._changed.get(user_id, 0) <= seq

    def recount(self) -> None:
        """Learn that there are more or fewer members now, or may be; also that an answer on its way is out of date."""
        self.member_count = None
        self.recounts += 1

    def forget_changes(self) -> None:
        """Drop the membership changes that `is_current` goes by; who is on the way in has to look again."""
        self._changed.clear()
        self._known_from = self.head

    def add(self, connection: Connection) -> None:
        """Let a connection in at `head`."""
        self._connections[connection] = None
        connection.room_ids.add(self.room_id)

    def discard(self, connection: Connection) -> None:
        """Let a connection out."""
        self._connections.pop(connection, None)
        connection.room_ids.discard(self.room_id)

    def __contains__(self, connection: Connection) -> bool:
        """Tell whether a connection gets this room's events."""
        return connection in self._connections

    def connections(self) -> Iterable[Connection]:
        """List the connections that get this room's events."""
        return self._connections

    async def _fill(self) -> None:
        try:
            await self._fill_up()
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may wait for this for ever
            log_events.BROADCAST_FAILED.emit(exc_info=error, room_id=self.room_id)
            self._give_up()

    async def _fill_up(self) -> None:
        filled_from = self.head
        while self._highest > self.head:
            # What is noticed while the page is read is newer than the page, and is looked for again.
            wanted, self._highest = self._highest, self.head
            try:
                page = await self._read_events(self.room_id, self.head, REFILL_LIMIT)
            except ChatError:
                self._highest = max(self._highest, wanted)
                await asyncio.sleep(REFILL_RETRY_S)
                continue
            if page:
                self._highest = max(self._highest, wanted)
            # Else a hint ran ahead of what this node can read; the ticker comes back to it.
            for event in page:
                if event.seq == self.head + 1:
                    self._deliver(event)
        self._stats.refills += 1
        log_events.DISPATCHER_REFILLED.emit(room_id=self.room_id, after_seq=filled_from, events=self.head - filled_from)

    def _deliver(self, event: Event) -> None:
        self.head = event.seq
        try:
            self._show(event)
        except Exception as error:
            for connection in tuple(self._connections):
                connection.break_off("deliver", error)
            self.forget_changes()  # whom the event concerned is not noted: who is on the way in looks again
            raise
        finally:
            self._wake()

    def _show(self, event: Event) -> None:
        frame = PreparedFrame(encode(frames.event_object(event)))
        concerned = event.joiner or event.leaver
        message = event.message if event.type is EventType.MESSAGE_CREATED else None
        origin = None if message is None else self._origins.pop(message.id, None)
        sender = None if origin is None else origin.connection
        is_bulk = len(self._connections) > EXPRESS_CONNECTIONS_MAX
        if concerned is None:
            for connection in self._connections:
                if connection is not sender:
                    connection.outbox.push(frame, is_bulk=is_bulk)
        else:
            for connection in self._connections:
                if connection.user.id != concerned.id:
                    connection.outbox.push(frame, is_bulk=is_bulk)
        if origin is not None and message is not None:
            origin.settle(message, duplicate=False)
        self._stats.deliveries += len(self._connections)
        if concerned is not None:
            self._member_changed(event, concerned.id)
        if event.type is EventType.ROOM_DELETED:
            self._dismiss(list(self._connections), "deleted")
            self.forget_changes()  # nobody is a member any more

    def _member_changed(self, event: Event, user_id: str) -> None:
        self._changed[user_id] = event.seq
        self.recount()
        if event.joiner is not None:
            self._on_joined(user_id, self.room_id)
        else:
            theirs = [connection for connection in self._connections if connection.user.id == user_id]
            self._dismiss(theirs, DEPARTURES[event.type])

    def _dismiss(self, connections: Iterable[Connection], reason: str) -> None:
        farewell = frames.room_left(self.room_id, reason)
        for connection in connections:
            connection.outbox.push(farewell)
            self.discard(connection)

    def _give_up(self) -> None:
        waiting, self._reached = self._reached, []
        for _seq, reached in waiting:
            if not reached.done():
                wait_ms = round(REFILL_RETRY_S * 1000)
                detail = "The room cannot be read now."
                reached.set_exception(ChatError(ErrorCode.UNAVAILABLE, detail, retry_after_ms=wait_ms))

    def _wake(self) -> None:
        if self._reached:
            waiting = self._reached
            self._reached = [(seq, reached) for seq, reached in waiting if seq > self.head]
            for seq, reached in waiting:
                if seq <= self.head and not reached.done():
                    reached.set_result(None)

"""Messages on their way: what may be sent next, what waits for its answer, what is tried again. Pure, no I/O.

Per room at most `pipeline` messages are unanswered at a time. With one (the default) a room's messages get their
`seq` in the order they were entrusted in every case: after reconnects, and also where the server refuses one for a
moment (`rate_limited`, `unavailable`). With more, throughput no longer waits for the round trip, and order is kept
over reconnects, but not past such a refusal.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One message to send. The key is made once, so however often it is sent, there is one message."""

    idempotency_key: str
    room_id: str
    body: str


class OutboxStore(Protocol):
    """Keeps entries beyond the life of the process.

    Called on the event loop, so it must be quick: memory, a small file, SQLite. An entry is added before it is first
    sent and removed once it is acknowledged, refused for good, or given up.
    """

    def load(self) -> Iterable[Entry]:
        """Return what is kept, oldest first."""
        ...

    def add(self, entry: Entry) -> None:
        """Keep `entry`, as the newest."""
        ...

    def remove(self, idempotency_key: str) -> None:
        """Forget an entry; nothing happens if it is not kept."""
        ...


class MemoryOutboxStore:
    """Keeps entries as long as it is referred to."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = {entry.idempotency_key: entry for entry in entries}

    def load(self) -> Iterable[Entry]:
        return list(self._entries.values())

    def add(self, entry: Entry) -> None:
        self._entries[entry.idempotency_key] = entry

    def remove(self, idempotency_key: str) -> None:
        self._entries.pop(idempotency_key, None)


@dataclass(slots=True)
class _Slot:
    number: int
    entry: Entry
    is_in_flight: bool = False
    was_sent: bool = False
    refusals: int = 0


class Outbox:
    """The order of sending. Times are seconds of any one clock."""

    def __init__(self, *, pipeline: int = 1) -> None:
        self._pipeline = pipeline
        self._count = 0
        self._slots: dict[str, _Slot] = {}  # by key, in the order entrusted
        self._lanes: dict[str, list[tuple[int, str]]] = {}  # by room: a heap of what waits to be sent
        self._in_flight: dict[str, int] = {}  # by room
        self._not_before = 0.0

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: object) -> bool:
        return key in self._slots

    def __iter__(self) -> Iterator[Entry]:
        return iter([slot.entry for slot in self._slots.values()])

    @property
    def not_before(self) -> float:
        """Nothing is sent before this time."""
        return self._not_before

    def add(self, entry: Entry) -> None:
        """Entrust `entry`, behind all others."""
        self._count += 1
        slot = self._slots[entry.idempotency_key] = _Slot(self._count, entry)
        self._enqueue(slot)

    def get(self, key: str) -> Entry | None:
        """Return an entry that is not settled yet."""
        slot = self._slots.get(key)
        return None if slot is None else slot.entry

    def was_sent(self, key: str) -> bool:
        """Whether the message may exist on the server."""
        return key in self._slots and self._slots[key].was_sent

    def next_ready(self, now: float) -> Entry | None:
        """Return what to send now; None if nothing is to be sent, or not yet (`not_before`)."""
        if now < self._not_before:
            return None
        heads = [lane[0] for room_id, lane in self._lanes.items() if self._in_flight.get(room_id, 0) < self._pipeline]
        return self._slots[min(heads)[1]].entry if heads else None

    def sent(self, key: str) -> None:
        """Note that the entry, which was the next one ready, is on its way."""
        slot = self._slots[key]
        slot.is_in_flight = slot.was_sent = True
        self._dequeue(slot)
        self._in_flight[slot.entry.room_id] = self._in_flight.get(slot.entry.room_id, 0) + 1

    def settled(self, key: str) -> None:
        """Note that the entry is done with: acknowledged, refused for good, or given up."""
        slot = self._slots.pop(key, None)
        if slot is None:
            return
        if slot.is_in_flight:
            self._landed(slot)
        else:
            self._dequeue(slot)

    def refused(self, key: str, *, retry_at: float) -> int:
        """Note a refusal that may pass; returns how often this entry was refused. Nothing is sent before `retry_at`."""
        self._not_before = max(self._not_before, retry_at)
        slot = self._slots.get(key)
        if slot is None:
            return 0
        if slot.is_in_flight:
            self._landed(slot)
            self._enqueue(slot)
        slot.refusals += 1
        return slot.refusals

    def connection_lost(self) -> None:
        """Note that no answer will come: all that is unanswered is to be sent again, in order."""
        for slot in self._slots.values():
            if slot.is_in_flight:
                self._landed(slot)
                self._enqueue(slot)

    def _enqueue(self, slot: _Slot) -> None:
        heapq.heappush(self._lanes.setdefault(slot.entry.room_id, []), (slot.number, slot.entry.idempotency_key))

    def _dequeue(self, slot: _Slot) -> None:
        lane = self._lanes[slot.entry.room_id]
        place = (slot.number, slot.entry.idempotency_key)
        if lane[0] == place:
            heapq.heappop(lane)
        else:
            lane.remove(place)
            heapq.heapify(lane)
        if not lane:
            del self._lanes[slot.entry.room_id]

    def _landed(self, slot: _Slot) -> None:
        slot.is_in_flight = False
        room_id = slot.entry.room_id
        self._in_flight[room_id] -= 1
        if not self._in_flight[room_id]:
            del self._in_flight[room_id]

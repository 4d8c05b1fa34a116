"""People of the load: their sockets, and what those that are read have seen."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.cpu import cpu_s
from bench.servers import Server
from bench.sockets import Client, Loop, sent_ns, stamped
from bench.town import Seat

BODY_BYTES: Final = 128
READ: Final = 20  # so many receivers of a large room are read for latency; the others are drained
SETTLE_S: Final = 15.0
AT_ONCE: Final = 100

Figures = dict[str, float]


@dataclass
class Watch:
    """Sees messages arrive at the sockets that are read."""

    copies: int  # how many of them a message comes to
    seen: dict[int, int] = field(default_factory=dict)
    done: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    def arrived(self, payload: bytes) -> bool:
        """Count a frame; tells whether it was the last copy of its message."""
        stamp = sent_ns(payload)
        if stamp is None:
            return False
        self.latencies_ms.append((time.monotonic_ns() - stamp) / 1e6)
        copies = self.seen.get(stamp, 0) + 1
        if copies < self.copies:
            self.seen[stamp] = copies
            return False
        self.seen.pop(stamp, None)
        self.done += 1
        return True


class Meter:
    """What the server used, from now on."""

    def __init__(self, server: Server) -> None:
        self._pid = server.pid
        self._began_s = time.monotonic()
        self._used_s = cpu_s(server.pid)

    def figures(self, messages: int, latencies_ms: Sequence[float]) -> Figures:
        """Give the figures of what was done meanwhile."""
        took_s, used_s = time.monotonic() - self._began_s, cpu_s(self._pid) - self._used_s
        return {
            "messages_per_s": messages / took_s,
            "cpu_us_per_message": used_s / messages * 1e6,
            "cpu_share": used_s / took_s,
            "p50_ms": percentile(latencies_ms, 0.5),
            "p99_ms": percentile(latencies_ms, 0.99),
        }


def per_delivery(figures: Figures, receivers: int) -> Figures:
    """Give the same for each copy of a message."""
    return figures | {
        "deliveries_per_s": figures["messages_per_s"] * receivers,
        "cpu_us_per_delivery": figures["cpu_us_per_message"] / receivers,
    }


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value below which this share lies."""
    ranked = sorted(values)
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)] if ranked else 0.0


def connect_all(loop: Loop, server: Server, seats: Sequence[Seat], *, receive_buffer_bytes: int = 0) -> list[Client]:
    """Open a socket for each seat, `AT_ONCE` at a time."""
    clients: list[Client] = []
    for start in range(0, len(seats), AT_ONCE):
        part = [
            server.connect(seat, receive_buffer_bytes=receive_buffer_bytes) for seat in seats[start : start + AT_ONCE]
        ]
        for client in part:
            loop.add(client)
        loop.run_until(lambda: all(client.is_open for client in part), 60, "the handshakes")  # noqa: B023 - at once
        clients += part
    return clients


def pace(loop: Loop, send: Callable[[int], None], *, per_second: float, total: int) -> None:
    """Call `send` with 0, 1, 2 … at this pace, however fast the answers are, and read meanwhile."""
    began_s = time.monotonic()
    for number in range(total):
        while (wait_s := began_s + number / per_second - time.monotonic()) > 0:
            loop.turn(wait_s)
        send(number)
        if number % 16 == 0:
            loop.turn(0)


@dataclass
class Room:
    """One room with its sockets, some of which are read: they are spread over the order of joining."""

    server: Server
    loop: Loop
    seats: Sequence[Seat]
    clients: list[Client]
    watch: Watch
    sent: int = 0

    @classmethod
    def fill(cls, loop: Loop, server: Server, seats: Sequence[Seat], read: int = READ) -> "Room":
        """Open a socket for each seat."""
        return cls.of(loop, server, seats, connect_all(loop, server, seats), read)

    @classmethod
    def of(cls, loop: Loop, server: Server, seats: Sequence[Seat], clients: list[Client], read: int = READ) -> "Room":
        """Make a room of sockets that are open."""
        readers = clients[:: max(len(clients) // read, 1)][:read]
        room = cls(server, loop, seats, clients, Watch(len(readers)))
        for client in readers:
            client.on_text = room.watch.arrived
        return room

    def send(self, place: int = 0) -> None:
        """Send a message from one of its sockets."""
        self.clients[place].send(self.server.peer.message(self.seats[place], stamped(BODY_BYTES)))
        self.sent += 1

    def check(self, senders: int = 1) -> None:
        """Wait until everybody has everything: as many frames where they are counted, and as many bytes elsewhere.

        Those who sent have answers in the place of their messages, of another length.

        Raises:
            TimeoutError: something is missing, or too much.
            RuntimeError: a socket was closed.
        """
        sending = {self.clients[index * len(self.clients) // senders] for index in range(senders)}
        others = [client for client in self.clients if client not in sending]
        readers = [client for client in others if client.on_text is not None]
        self.loop.run_until(lambda: all(it.frames_in == self.sent for it in readers), SETTLE_S, f"{self.sent} messages")
        total = readers[0].bytes_in
        self.loop.run_until(lambda: all(it.bytes_in == total for it in others), SETTLE_S, "the same bytes for all")
        if self.loop.lost:
            raise RuntimeError(f"{self.loop.lost} sockets were closed")

"""What this node has done, counted where it happens: for `node.stats` every ten seconds, and for `/metrics`.

Counting is an addition; whatever takes more is worked out when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, Literal, get_args

from api.broadcast.wire import NOBODYS, Ender, Ending
from api.domain.errors import ErrorCode
from api.protocol.problems import PROTOCOL_CLOSES, CloseCode

Door = Literal["rest", "handshake", "socket"]
"""Where a client is refused: a REST request, a handshake before its upgrade, a frame."""

LimitName = Literal["signup", "login", "rest", "handshake", "messages", "history", "commands"]
LoginFailure = Literal["unknown_user", "wrong_password", "suspended"]

OTHER: Final = "other"
CLOSE_CODES: Final = (1000, 1001, 1005, 1012, *PROTOCOL_CLOSES, *(code.value for code in CloseCode))
"""The close codes that are counted one by one; a client may send any other."""

BOUNDS_MS: Final = (
    *(0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750),
    *(1000, 2000, 5000, 10000),
)


class Latencies:
    """Times in fixed buckets: constant memory, whatever the load. One thread writes, the event loop reads.

    Args:
        bounds_ms: upper bounds of the buckets; what is above the last one has a bucket of its own.
    """

    __slots__ = ("_counts", "bounds_ms", "sum_s")

    def __init__(self, bounds_ms: Sequence[float] = BOUNDS_MS) -> None:
        self.bounds_ms = bounds_ms
        self.sum_s = 0.0
        self._counts = [0] * (len(bounds_ms) + 1)

    def observe(self, seconds: float) -> None:
        """Count one time."""
        self._counts[bisect_left(self.bounds_ms, seconds * 1000)] += 1
        self.sum_s += seconds

    def counts(self) -> tuple[int, ...]:
        """Copy the buckets; the difference of two copies is what came between them."""
        return tuple(self._counts)


def quantile_ms(counts: Sequence[int], share: float) -> float | None:
    """Estimate a quantile as its bucket's upper bound, in milliseconds; None when nothing was counted."""
    wanted = sum(counts) * share
    seen = 0
    for bound_ms, count in zip((*BOUNDS_MS, BOUNDS_MS[-1]), counts, strict=True):
        seen += count
        if count and seen >= wanted:
            return bound_ms
    return None


class NodeStats:
    """Running totals since the start of the process; each kind is there from the start, at zero."""

    def __init__(self) -> None:
        self.messages = 0
        self.deliveries = 0
        self.refills = 0
        self.dropped = 0
        self.slow_consumers = 0
        self.outbox_high_water = 0
        self.connections_opened = 0
        self.signups = 0
        self.logins = 0
        self.commit_latency = Latencies()
        self.delivery_latency = Latencies()
        self.loop_lag = Latencies()
        self.refusals: dict[tuple[Door, ErrorCode], int] = {
            (door, code): 0 for door in get_args(Door) for code in ErrorCode
        }
        self.limits_exceeded: dict[LimitName, int] = dict.fromkeys(get_args(LimitName), 0)
        self.logins_failed: dict[LoginFailure, int] = dict.fromkeys(get_args(LoginFailure), 0)
        self.connections_closed: dict[tuple[Ender, str], int] = {
            (NOBODYS.by, str(NOBODYS.code)): 0,
            **{(by, str(code)): 0 for by in ("client", "server") for code in (*CLOSE_CODES, OTHER)},
        }

    @property
    def handshakes_refused(self) -> int:
        """Count the handshakes that were answered with an error."""
        return sum(count for (door, _), count in self.refusals.items() if door == "handshake")

    def connection_ended(self, ending: Ending) -> None:
        """Count the end of a connection, by who ended it and with which code."""
        key = (ending.by, str(ending.code))
        self.connections_closed[key if key in self.connections_closed else (ending.by, OTHER)] += 1

    def connection_lost(self, *, dropped: int, frames_high_water: int) -> None:
        """Keep what a connection that is gone had counted."""
        self.dropped += dropped
        self.outbox_high_water = max(self.outbox_high_water, frames_high_water)

"""What this node has done, counted where it happens and told every ten seconds by `node.stats`."""

from bisect import bisect_left
from collections.abc import Sequence

_BOUNDS_MS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    3,
    5,
    7,
    10,
    15,
    20,
    30,
    50,
    75,
    100,
    150,
    200,
    300,
    500,
    750,
    1000,
    2000,
    5000,
    10000,
)


class Latencies:
    """Times in fixed buckets: constant memory, whatever the load. One thread writes, the event loop reads."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS_MS) + 1)

    def observe(self, seconds: float) -> None:
        """Count one time."""
        self._counts[bisect_left(_BOUNDS_MS, seconds * 1000)] += 1

    def counts(self) -> tuple[int, ...]:
        """Copy the buckets; the difference of two copies is what came between them."""
        return tuple(self._counts)


def quantile_ms(counts: Sequence[int], share: float) -> float | None:
    """Estimate a quantile as its bucket's upper bound, in milliseconds; None when nothing was counted."""
    wanted = sum(counts) * share
    seen = 0
    for bound_ms, count in zip((*_BOUNDS_MS, _BOUNDS_MS[-1]), counts, strict=True):
        seen += count
        if count and seen >= wanted:
            return bound_ms
    return None


class NodeStats:
    """Running totals since the start of the process."""

    def __init__(self) -> None:
        self.messages = 0
        self.deliveries = 0
        self.refills = 0
        self.dropped = 0
        self.slow_consumers = 0
        self.refused = 0
        self.outbox_high_water = 0
        self.commit_latency = Latencies()
        self.delivery_latency = Latencies()

    def slow_consumer_cut(self) -> None:
        """Count a reader that was cut off."""
        self.slow_consumers += 1

    def handshake_refused(self) -> None:
        """Count a handshake that was answered with an error."""
        self.refused += 1

    def connection_lost(self, *, dropped: int, frames_high_water: int) -> None:
        """Keep what a connection that is gone had counted."""
        self.dropped += dropped
        self.outbox_high_water = max(self.outbox_high_water, frames_high_water)

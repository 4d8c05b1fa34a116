"""Every metric: its name, what it means, and where its numbers come from.

docs/operations.md shows the list to its readers. No label holds what a client can choose, so the number of series has a
bound that the code sets. Names follow Prometheus' conventions: base units, `_total` for what only grows.
"""

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from api import __version__
from api.broadcast.stats import Latencies
from api.middleware.counting import RequestCounts
from api.resources import Resources

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


@dataclass(frozen=True, slots=True)
class Node:
    """What the metrics are read from.

    `lines_dropped` tells how many lines of the log nobody will read.
    """

    resources: Resources
    requests: RequestCounts
    connections_max: int
    lines_dropped: Callable[[], int]


@dataclass(slots=True)
class Outboxes:
    """What waits for all connections together, and what was dropped or has waited at most since the start."""

    frames: int = 0
    size_bytes: int = 0
    dropped: int = 0
    high_water: int = 0

    @classmethod
    def of(cls, resources: Resources) -> "Outboxes":
        """Add up the connections that are here, and those that are gone."""
        stats = resources.stats
        total = cls(dropped=stats.dropped, high_water=stats.outbox_high_water)
        for connection in resources.hub.all():
            outbox = connection.outbox
            total.frames += outbox.frames
            total.size_bytes += outbox.size_bytes
            total.dropped += outbox.dropped
            total.high_water = max(total.high_water, outbox.frames_high_water, outbox.frames)
        return total


class Reading:
    """The node at the moment of one scrape."""

    def __init__(self, node: Node) -> None:
        resources = node.resources
        self.stats = resources.stats
        self.hub = resources.hub
        self.is_draining = resources.is_draining
        self.rooms_followed = resources.manager.followed_rooms
        self.hashing = resources.passwords.load
        self.writing = resources.store.load
        self.outboxes = Outboxes.of(resources)
        self.connections_max = node.connections_max
        self.lines_dropped = node.lines_dropped()
        self.request_statuses: dict[Labels, float] = {}
        self.request_latencies: dict[Labels, Latencies] = {}
        for route, counts in node.requests.by_route().items():
            self.request_latencies[route] = counts.latency
            for status, count in counts.statuses.items():
                self.request_statuses[*route, status] = count


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, what its numbers mean, and where they come from, by the values of its labels."""

    kind: Kind
    name: str
    meaning: str
    read: Callable[[Reading], Iterable[tuple[Labels, float | Latencies]]]
    labels: Labels = field(default=())

    def family(self, now: Reading) -> Family:
        """Read it."""
        if self.kind == "histogram":
            return self._histogram(now)
        made = (CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily)(
            self.name, self.meaning, labels=self.labels
        )
        for labels, value in self.read(now):
            assert not isinstance(value, Latencies)  # noqa: S101 - the constructors below say so
            made.add_metric(labels, value)
        return made

    def _histogram(self, now: Reading) -> HistogramMetricFamily:
        made = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, times in self.read(now):
            assert isinstance(times, Latencies)  # noqa: S101 - the constructors below say so
            made.add_metric(labels, list(_buckets(times)), times.sum_s)
        return made


def _buckets(times: Latencies) -> Iterator[tuple[str, int]]:
    total = 0
    bounds = [*(str(bound_ms / 1000) for bound_ms in times.bounds_ms), "+Inf"]
    for bound, count in zip(bounds, times.counts(), strict=True):
        total += count
        yield bound, total


def _gauge(name: str, meaning: str, read: Callable[[Reading], float]) -> Metric:
    return Metric("gauge", name, meaning, lambda now: [((), read(now))])


def _counter(name: str, meaning: str, read: Callable[[Reading], float]) -> Metric:
    return Metric("counter", name, meaning, lambda now: [((), read(now))])


def _counters(
    name: str, labels: str, meaning: str, read: Callable[[Reading], Iterable[tuple[Labels, float]]]
) -> Metric:
    return Metric("counter", name, meaning, read, tuple(labels.split()))


def _by_name(counts: Iterable[tuple[str, int]]) -> Iterable[tuple[Labels, float]]:
    return [((name,), count) for name, count in counts]


def _times(name: str, meaning: str, read: Callable[[Reading], Latencies]) -> Metric:
    return Metric("histogram", name, meaning, lambda now: [((), read(now))])


METRICS: Final = (
    Metric(
        "gauge",
        "chat_build_info",
        "Always 1; the labels say what runs.",
        lambda _now: [((__version__, platform.python_version()), 1)],
        ("version", "python"),
    ),
    _gauge(
        "chat_draining", "1 while the node sends its clients away before its end, else 0.", lambda now: now.is_draining
    ),
    # --- who is on
    _gauge("chat_connections", "Open sockets.", lambda now: len(now.hub)),
    _gauge("chat_connections_max", "Open sockets that CHAT_MAX_CONNECTIONS allows.", lambda now: now.connections_max),
    _gauge("chat_users_online", "Users with an open socket.", lambda now: len(now.hub.user_ids())),
    _gauge("chat_rooms_followed", "Rooms that somebody with an open socket is in.", lambda now: now.rooms_followed),
    _counter("chat_connections_opened_total", "Sockets opened.", lambda now: now.stats.connections_opened),
    _counters(
        "chat_connections_closed_total",
        "ended_by code",
        "Sockets closed, by who ended them (client, server; nobody: the line was lost) and the close code.",
        lambda now: now.stats.connections_closed.items(),
    ),
    # --- messages on their way
    _counter("chat_messages_total", "Messages stored; a repeated one counts once.", lambda now: now.stats.messages),
    _counter(
        "chat_deliveries_total",
        "Events given to connections: one message in a room of ten connections is ten.",
        lambda now: now.stats.deliveries,
    ),
    _times(
        "chat_delivery_duration_seconds",
        "From a message's arrival to the outboxes of its readers, the commit included.",
        lambda now: now.stats.delivery_latency,
    ),
    _counter(
        "chat_refills_total",
        "Holes in a room's live stream that were filled from the database.",
        lambda now: now.stats.refills,
    ),
    # --- the database
    _times(
        "chat_commit_duration_seconds",
        "From the begin of a transaction to its commit, fsync included; its count is the number of commits.",
        lambda now: now.stats.commit_latency,
    ),
    _counter(
        "chat_writes_committed_total",
        "Messages and other writes committed; divided by the commits, the size of a batch.",
        lambda now: now.writing.committed,
    ),
    _gauge(
        "chat_writes_waiting",
        "Writes that wait for their commit; 10,000 are the most.",
        lambda now: now.writing.waiting,
    ),
    # --- who is refused
    _counters(
        "chat_refusals_total",
        "door code",
        "Requests (rest), handshakes (handshake) and frames (socket) answered with an error, by its code.",
        lambda now: now.stats.refusals.items(),
    ),
    _counters(
        "chat_rate_limits_exceeded_total",
        "limit",
        "Refusals by a rate limit: the setting CHAT_RATE_LIMIT_... of that name, or commands.",
        lambda now: _by_name(now.stats.limits_exceeded.items()),
    ),
    _counter("chat_signups_total", "Accounts made over REST.", lambda now: now.stats.signups),
    _counter("chat_logins_total", "Logins that made a session.", lambda now: now.stats.logins),
    _counters(
        "chat_logins_failed_total",
        "reason",
        "Passwords refused, at login or where a user has to show the password again.",
        lambda now: _by_name(now.stats.logins_failed.items()),
    ),
    _gauge("chat_password_hashes_running", "Passwords being hashed.", lambda now: now.hashing.running),
    _gauge(
        "chat_password_hashes_waiting",
        "Passwords waiting to be hashed; 64 are the most.",
        lambda now: now.hashing.waiting,
    ),
    _counter(
        "chat_password_hashes_refused_total",
        "Passwords not hashed because too many were waiting; the client got unavailable.",
        lambda now: now.hashing.refused,
    ),
    # --- readers that do not keep up
    _gauge(
        "chat_outbox_frames", "Frames that wait for their readers, of all connections.", lambda now: now.outboxes.frames
    ),
    _gauge(
        "chat_outbox_bytes",
        "Bytes that wait for their readers, of all connections.",
        lambda now: now.outboxes.size_bytes,
    ),
    _gauge(
        "chat_outbox_frames_max",
        "Most frames that have waited for one connection since the start; CHAT_OUTBOX_FRAMES is the end.",
        lambda now: now.outboxes.high_water,
    ),
    _counter(
        "chat_ephemeral_dropped_total",
        "Typing and read notices not sent to readers that were behind.",
        lambda now: now.outboxes.dropped,
    ),
    _counter("chat_slow_consumers_total", "Readers cut off (4003).", lambda now: now.stats.slow_consumers),
    # --- requests and the process
    _counters(
        "chat_http_requests_total",
        "route method status",
        "Requests answered, by the route's template; other is all else: no route of the API, HEAD, OPTIONS.",
        lambda now: now.request_statuses.items(),
    ),
    Metric(
        "histogram",
        "chat_http_request_duration_seconds",
        "From a request's head to the end of its answer.",
        lambda now: now.request_latencies.items(),
        ("route", "method"),
    ),
    _times(
        "chat_event_loop_lag_seconds",
        "How late a timer of the event loop came, four times a second: time in which nothing else was done.",
        lambda now: now.stats.loop_lag,
    ),
    _counter(
        "chat_log_lines_dropped_total",
        "Lines of the log that were dropped because its reader stood still.",
        lambda now: now.lines_dropped,
    ),
)

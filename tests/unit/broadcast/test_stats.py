"""Counting without growing."""

from __future__ import annotations

import pytest

from api.broadcast.stats import Latencies, NodeStats, quantile_ms
from api.broadcast.wire import NOBODYS, Ender, Ending
from api.domain.errors import ErrorCode


def test_a_quantile_is_the_upper_bound_of_its_bucket() -> None:
    latencies = Latencies()
    for _ in range(99):
        latencies.observe(0.0015)
    latencies.observe(0.6)
    assert quantile_ms(latencies.counts(), 0.5) == 2
    assert quantile_ms(latencies.counts(), 0.99) == 2
    assert quantile_ms(latencies.counts(), 1.0) == 750


@pytest.mark.parametrize(
    ("seconds", "bound_ms"), [(0.0, 0.1), (0.0001, 0.1), (0.0002, 0.2), (9.9, 10_000), (99.0, 10_000)]
)
def test_every_time_has_a_bucket(seconds: float, bound_ms: float) -> None:
    latencies = Latencies()
    latencies.observe(seconds)
    assert quantile_ms(latencies.counts(), 0.5) == bound_ms


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile_ms(Latencies().counts(), 0.5) is None


def test_the_difference_of_two_copies_is_what_came_between() -> None:
    latencies = Latencies()
    latencies.observe(0.005)
    before = latencies.counts()
    latencies.observe(0.02)
    between = [now - then for now, then in zip(latencies.counts(), before, strict=True)]
    assert quantile_ms(between, 0.5) == 20
    assert sum(between) == 1


def test_times_are_added_up_beside_their_buckets() -> None:
    latencies = Latencies((5, 10))
    for seconds in (0.001, 0.010, 2.0):
        latencies.observe(seconds)
    assert latencies.counts() == (1, 1, 1)
    assert latencies.sum_s == pytest.approx(2.011)


def test_what_a_lost_connection_had_counted_is_kept() -> None:
    stats = NodeStats()
    stats.connection_lost(dropped=3, frames_high_water=7)
    stats.connection_lost(dropped=2, frames_high_water=5)
    assert (stats.dropped, stats.outbox_high_water) == (5, 7)


def test_handshakes_are_the_refusals_at_that_door() -> None:
    stats = NodeStats()
    stats.refusals["handshake", ErrorCode.INVALID_TOKEN] += 2
    stats.refusals["handshake", ErrorCode.DRAINING] += 1
    stats.refusals["rest", ErrorCode.INVALID_TOKEN] += 5
    assert stats.handshakes_refused == 3


@pytest.mark.parametrize(
    ("ending", "key"),
    [
        (Ending(4003, "slow_consumer", "server"), ("server", "4003")),
        (Ending(4003, "slow_consumer", "client"), ("client", "4003")),
        (Ending(1001, "", "client"), ("client", "1001")),
        (Ending(3333, "", "client"), ("client", "other")),
        (Ending(1011, "", "server"), ("server", "other")),
        (NOBODYS, ("nobody", "1006")),
    ],
)
def test_ends_are_counted_by_a_closed_list_of_codes(ending: Ending, key: tuple[Ender, str]) -> None:
    stats = NodeStats()
    kinds = set(stats.connections_closed)
    stats.connection_ended(ending)
    assert {kind for kind, count in stats.connections_closed.items() if count} == {key}
    assert set(stats.connections_closed) == kinds


def test_a_client_cannot_make_a_kind_of_end_whatever_it_sends() -> None:
    stats = NodeStats()
    kinds = set(stats.connections_closed)
    for code in (*range(1000, 1016), *range(3000, 5000)):
        stats.connection_ended(Ending(code, "", "client"))
    assert set(stats.connections_closed) == kinds

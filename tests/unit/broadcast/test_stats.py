"""Counting without growing."""

from __future__ import annotations

import pytest

from api.broadcast.stats import Latencies, NodeStats, quantile_ms


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


def test_what_a_lost_connection_had_counted_is_kept() -> None:
    stats = NodeStats()
    stats.connection_lost(dropped=3, frames_high_water=7)
    stats.connection_lost(dropped=2, frames_high_water=5)
    stats.slow_consumer_cut()
    stats.handshake_refused()
    assert (stats.dropped, stats.outbox_high_water, stats.slow_consumers, stats.refused) == (5, 7, 1, 1)

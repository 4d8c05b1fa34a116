"""Waits between attempts: full jitter, 0.5 to 20 seconds."""

from __future__ import annotations

import random

from chat_client.backoff import Backoff


def test_the_ceiling_doubles_up_to_twenty_seconds() -> None:
    backoff = Backoff(jitter=lambda _low, high: high)
    assert [backoff.next_s() for _ in range(7)] == [1, 2, 4, 8, 16, 20, 20]


def test_a_wait_is_drawn_from_the_whole_range() -> None:
    ranges: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        ranges.append((low, high))
        return low

    backoff = Backoff(jitter=jitter)
    assert [backoff.next_s() for _ in range(3)] == [0.5, 0.5, 0.5]
    assert ranges == [(0.5, 1.0), (0.5, 2.0), (0.5, 4.0)]


def test_waits_stay_between_half_a_second_and_twenty() -> None:
    backoff = Backoff(jitter=random.Random(1).uniform)
    waits = [backoff.next_s() for _ in range(2000)]
    assert min(waits) >= 0.5
    assert max(waits) <= 20
    assert len(set(waits)) > 1900


def test_reset_begins_anew() -> None:
    backoff = Backoff(jitter=lambda _low, high: high)
    for _ in range(5):
        backoff.next_s()
    assert backoff.attempt == 5
    backoff.reset()
    assert backoff.attempt == 0
    assert backoff.next_s() == 1

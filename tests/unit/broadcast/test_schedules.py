"""Nodes that share a database and a broker which loses 40 % of its hints: everybody sees one order, whole.

Every run is drawn from a seed: sends, joins, leaves, bans, edits, deletions, connections that come and go; hints are
lost, doubled and reordered; reads, commits and their callbacks come late and in any order. At the end each node
compares itself with the store, twice, and every connection's frames are replayed against the log.
"""

from __future__ import annotations

import pytest

from api.broadcast import dispatcher
from tests.unit.broadcast.schedules import Schedule
from tests.unit.broadcast.stores import Database

SEEDS_AT_ONCE = 20


async def run(database: Database, seeds: range, *, trouble: float = 0.0) -> int:
    seen = 0
    for seed in seeds:
        try:
            seen += await Schedule(database, seed, trouble=trouble).run()
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
    return seen


@pytest.mark.parametrize("first", range(0, 100, SEEDS_AT_ONCE))
async def test_everybody_sees_one_order_without_gap_or_duplicate_while_a_member(database: Database, first: int) -> None:
    assert await run(database, range(first, first + SEEDS_AT_ONCE)) > 10 * SEEDS_AT_ONCE


@pytest.mark.parametrize("first", range(1000, 1040, SEEDS_AT_ONCE))
async def test_nothing_is_lost_when_reads_fail_and_commits_stay_unknown(
    database: Database, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "REFILL_RETRY_S", 0)  # no schedule waits for the clock
    assert await run(database, range(first, first + SEEDS_AT_ONCE), trouble=0.1) > 5 * SEEDS_AT_ONCE


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_it_holds_for_a_thousand_schedules(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "REFILL_RETRY_S", 0)
    await run(database, range(10_000, 11_000), trouble=0.02)

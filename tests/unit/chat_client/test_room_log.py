"""One room's log: whatever arrives in whatever order, the copy is the log, without a gap or a repeat."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_client.models import Cursor
from chat_client.room_log import HistoryRequest, LogPage, RoomLog, Step
from tests.unit.chat_client.log_world import World

ACTIONS = [
    *[World.commit] * 6,
    *[World.live] * 6,
    *[World.ask, World.answer, World.page] * 4,
    World.live_twice,
    World.live_to_a_reader_that_is_behind,
    World.hole,
    World.reconnect,
]


@settings(max_examples=300)
@given(
    actions=st.lists(st.sampled_from(ACTIONS), min_size=30, max_size=120),
    rare=st.lists(st.sampled_from([World.restore, World.restore_unannounced]), max_size=2),
    committed=st.integers(0, 12),
    backlog=st.sampled_from([None, None, 0, 3]),
    held=st.sampled_from([0, 1, 3, 100]),
    seed=st.integers(0, 2**16),
)
def test_any_interleaving_ends_with_the_exact_log(
    *,
    actions: list[Callable[[World], None]],
    rare: list[Callable[[World], None]],
    committed: int,
    backlog: int | None,
    held: int,
    seed: int,
) -> None:
    """Live events, pages, holes, a reader that is behind, reconnects and restores, in any order."""
    world = World(committed=committed, backlog=backlog, held=held, seed=seed)
    for number, action in enumerate(actions):
        action(world)
        if number % 40 == 39 and rare:
            rare.pop()(world)
    world.settle()
    assert world.log.wanted() is None
    assert world.log.cursor == Cursor(world.server.epoch, len(world.server.log))
    if backlog is None:
        assert world.copy == world.server.log


def page(first: int, last: int, *, last_seq: int | None = None, epoch: str = "e") -> LogPage[int]:
    return LogPage([(seq, seq) for seq in range(first, last + 1)], last if last_seq is None else last_seq, epoch)


def test_live_events_wait_until_history_has_reached_the_cursor() -> None:
    log = RoomLog[int](resume=Cursor("e", 5))
    log.announced(Cursor("e", 10))
    assert log.live(11, 11).items == []
    request = log.wanted()
    assert request == HistoryRequest(5, "e", 200)
    assert log.page(request, page(6, 10)).items == [6, 7, 8, 9, 10, 11]
    assert log.wanted() is None


def test_history_may_reach_past_the_cursor() -> None:
    log = RoomLog[int](resume=Cursor("e", 5))
    log.announced(Cursor("e", 7))
    request = log.wanted()
    assert request is not None
    assert log.page(request, page(6, 9)).items == [6, 7, 8, 9]
    assert log.live(8, 8).items == []
    assert log.live(9, 9).items == []
    assert log.live(10, 10).items == [10]


def test_a_hole_asks_for_what_lies_in_it() -> None:
    log = RoomLog[int](resume=Cursor("e", 5))
    log.announced(Cursor("e", 5))
    assert log.wanted() is None
    assert log.live(7, 7).items == []
    request = log.wanted()
    assert request == HistoryRequest(5, "e", 200)
    assert log.page(request, page(6, 6, last_seq=7)).items == [6, 7]


def test_live_events_out_of_order_come_out_in_order() -> None:
    log = RoomLog[int](resume=Cursor("e", 0))
    log.announced(Cursor("e", 0))
    assert log.live(2, 2).items == []
    assert log.live(1, 1).items == [1, 2]


def test_a_cursor_below_the_copy_is_checked_and_may_be_right() -> None:
    """A node that lags may name a lower cursor; nothing is thrown away, and what comes again is dropped."""
    log = RoomLog[int](resume=Cursor("e", 5))
    assert not log.announced(Cursor("e", 3)).reset
    request = log.wanted()
    assert request == HistoryRequest(5, "e", 200)
    assert log.page(request, page(6, 5, last_seq=5)) == Step([], progress=True)
    assert log.wanted() is None
    assert log.live(4, 4).items == []
    assert log.live(6, 6).items == [6]


def test_resync_required_drops_the_copy_and_loads_anew() -> None:
    log = RoomLog[int](resume=Cursor("e", 5))
    log.announced(Cursor("e", 9))
    request = log.wanted()
    assert request is not None
    assert log.resync(request).reset
    assert log.cursor is None
    fresh = log.wanted()
    assert fresh == HistoryRequest(0, None, 200)
    assert log.page(fresh, page(1, 2, epoch="f")).items == [1, 2]
    assert log.cursor == Cursor("f", 2)


def test_another_epoch_in_the_welcome_drops_the_copy() -> None:
    log = RoomLog[int](resume=Cursor("e", 5))
    assert log.announced(Cursor("f", 2)).reset
    assert log.wanted() == HistoryRequest(0, "f", 200)


def test_another_epoch_in_a_page_drops_the_copy() -> None:
    log = RoomLog[int](resume=Cursor("e", 5))
    log.announced(Cursor("e", 9))
    request = log.wanted()
    assert request is not None
    assert log.page(request, page(6, 9, epoch="f")) == Step((), reset=True)


def test_the_first_copy_is_no_reset() -> None:
    log = RoomLog[int]()
    assert not log.announced(Cursor("e", 3)).reset


@pytest.mark.parametrize(("backlog", "after_seq"), [(None, 0), (2, 8), (50, 0)])
def test_a_new_copy_begins_with_the_backlog(backlog: int | None, after_seq: int) -> None:
    log = RoomLog[int](backlog=backlog)
    log.announced(Cursor("e", 10))
    assert log.wanted() == HistoryRequest(after_seq, "e", 200)


def test_without_a_backlog_nothing_is_asked_for() -> None:
    log = RoomLog[int](backlog=0)
    log.announced(Cursor("e", 10))
    assert log.wanted() is None
    assert log.live(11, 11).items == [11]


def test_after_a_resync_without_backlog_only_the_end_of_the_log_is_asked_for() -> None:
    log = RoomLog[int](backlog=0, resume=Cursor("e", 5))
    log.announced(Cursor("e", 9))
    request = log.wanted()
    assert request is not None
    log.resync(request)
    fresh = log.wanted()
    assert fresh == HistoryRequest(0, None, 1)
    assert log.page(fresh, page(1, 1, last_seq=7, epoch="f")).items == []
    assert log.cursor == Cursor("f", 7)
    assert log.wanted() is None


def test_answers_to_questions_of_a_dropped_copy_mean_nothing() -> None:
    log = RoomLog[int](resume=Cursor("e", 5))
    log.announced(Cursor("e", 9))
    stale = log.wanted()
    assert stale is not None
    log.resync(stale)
    fresh = log.wanted()
    assert fresh is not None
    assert log.page(stale, page(6, 9)) == Step()
    log.page(fresh, page(1, 3, epoch="f"))
    assert log.resync(stale) == Step()
    assert log.page(stale, page(6, 9)) == Step()
    assert log.cursor == Cursor("f", 3)


def test_live_events_that_come_before_the_epoch_is_known_are_not_lost() -> None:
    log = RoomLog[int]()
    assert log.live(3, 3).items == []
    request = log.wanted()
    assert request is not None
    assert log.page(request, page(1, 2)).items == [1, 2, 3]


def test_an_answer_that_helps_nothing_is_no_progress() -> None:
    """So that whoever asks waits before asking again."""
    log = RoomLog[int](resume=Cursor("e", 5))
    log.announced(Cursor("e", 9))
    request = log.wanted()
    assert request is not None
    assert not log.page(request, page(6, 5, last_seq=5)).progress
    fresh = RoomLog[int]()
    assert not fresh.resync(HistoryRequest(0, None, 200)).progress


def test_what_is_held_back_is_bounded() -> None:
    log = RoomLog[int](resume=Cursor("e", 0), held_limit=2)
    log.announced(Cursor("e", 0))
    for seq in range(2, 6):
        log.live(seq, seq)
    request = log.wanted()
    assert request is not None
    assert log.page(request, page(1, 1, last_seq=5)).items == [1, 2, 3]
    assert log.wanted() == HistoryRequest(3, "e", 200)

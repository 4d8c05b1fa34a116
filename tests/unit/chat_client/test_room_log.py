"""One room's log: whatever arrives in whatever order, the copy is the log, without a gap or a repeat."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_client.models import Cursor
from chat_client.room_log import HistoryRequest, LogPage, RoomLog, Step


@dataclass
class Server:
    """What the contract promises, as simply as it can be said."""

    epochs: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def epoch(self) -> str:
        return f"e{self.epochs}"

    def commit(self) -> int:
        self.log.append(f"{self.epoch}:{len(self.log) + 1}")
        return len(self.log)

    def restore(self, length: int) -> None:
        """Go back to a backup, as `chat restore` does: what was committed since is gone, the epoch is another one."""
        self.epochs += 1
        self.log = [f"{self.epoch}:{seq}" for seq in range(1, length + 1)]

    def history(self, request: HistoryRequest, size: int) -> LogPage[str] | None:
        """Answer a request; None stands for `resync_required`."""
        if request.epoch is not None and (request.epoch != self.epoch or request.after_seq > len(self.log)):
            return None
        first = request.after_seq + 1
        seqs = range(first, min(len(self.log), request.after_seq + min(size, request.limit)) + 1)
        return LogPage([(seq, self.log[seq - 1]) for seq in seqs], len(self.log), self.epoch)


class World:
    """A server, a connection that delays, and the copy of an application."""

    def __init__(self, *, committed: int, backlog: int | None, held: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.server = Server()
        self.copy: list[str] = []
        self.log: RoomLog[str] = RoomLog(backlog=backlog, held_limit=held, page_limit=5)
        self.on_the_way: list[int] = []  # live events of this connection
        self.is_deaf = False
        self.asked: list[HistoryRequest] = []
        self.pages: list[tuple[HistoryRequest, LogPage[str] | None]] = []
        for _ in range(committed):
            self.server.commit()
        self.connect(committed)

    def connect(self, cursor: int) -> None:
        self.is_deaf = False
        self.asked.clear()
        self.pages.clear()
        self.on_the_way = list(range(cursor + 1, len(self.server.log) + 1))
        self.take(self.log.announced(Cursor(self.server.epoch, cursor)))

    def take(self, step: Step[str]) -> None:
        if step.reset:
            self.copy.clear()
        self.copy += step.items
        cursor = self.log.cursor
        if cursor is None:
            assert self.copy == []
        elif self.copy:
            first = cursor.seq - len(self.copy) + 1
            assert self.copy == [f"{cursor.epoch}:{seq}" for seq in range(first, cursor.seq + 1)]

    # --- what may happen; an action that is not possible at the moment does nothing ---

    def commit(self) -> None:
        seq = self.server.commit()
        if not self.is_deaf:
            self.on_the_way.append(seq)

    def live(self) -> None:
        if self.on_the_way:
            seq = self.on_the_way.pop(0)
            self.take(self.log.live(seq, self.server.log[seq - 1]))

    def live_twice(self) -> None:
        if self.on_the_way:
            seq = self.on_the_way[0]
            self.take(self.log.live(seq, self.server.log[seq - 1]))

    def live_to_a_reader_that_is_behind(self) -> None:
        if self.on_the_way:
            self.log.exists(self.on_the_way.pop(0))

    def hole(self) -> None:
        """Lose a live event that others follow: the server promises that it does not happen, and it must heal."""
        if len(self.on_the_way) > 1:
            self.on_the_way.pop(0)

    def ask(self) -> None:
        request = self.log.wanted()
        if request is not None and len(self.asked) < 2:
            self.asked.append(request)

    def answer(self) -> None:
        """The server reads its log at this moment; the page arrives later."""
        if self.asked:
            request = self.asked.pop(self.random.randrange(len(self.asked)))
            self.pages.append((request, self.server.history(request, self.random.randint(1, 5))))

    def page(self) -> None:
        if self.pages:
            request, page = self.pages.pop(self.random.randrange(len(self.pages)))
            self.take(self.log.resync(request) if page is None else self.log.page(request, page))

    def reconnect(self) -> None:
        """To a node that may not have seen yet what another one has shown."""
        self.connect(max(0, len(self.server.log) - self.random.randint(0, 3)))

    def restore(self) -> None:
        self.server.restore(max(0, len(self.server.log) - self.random.randint(0, 5)))
        for _ in range(self.random.randint(0, 8)):
            self.server.commit()
        self.connect(len(self.server.log))

    def restore_unannounced(self) -> None:
        """No welcome tells of it; the connection brings nothing any more, and the next question finds out."""
        self.server.restore(max(0, len(self.server.log) - self.random.randint(0, 5)))
        self.on_the_way.clear()
        self.is_deaf = True

    def settle(self) -> None:
        """Let everything arrive, and answer every question."""
        if self.is_deaf:
            self.reconnect()
        while self.on_the_way:
            self.live()
        while self.asked or self.pages:
            self.answer()
            self.page()
        for _ in range(100):
            if self.log.wanted() is None:
                break
            self.ask()
            self.answer()
            self.page()


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

"""One room's log as this client has it: which event comes next, and what must be asked for. Pure, no I/O.

The server promises, per connection, a *live cursor* (`welcome`, `room.joined`) and every event above it without a
gap; events up to it come from history. Two sources overlap, and this is where they become one:

* an event is let through only if its `seq` is the last one plus one, so what comes out has no gap and no repeat;
* one that lies further ahead is held back, and everything between is asked for;
* holding back is a convenience. What is not held (the bound, a reader that is behind) is only remembered as existing
  (`target`), and history brings it, because the log is durable and always the same within one `epoch`;
* another epoch, or a cursor ahead of the log, means that this copy is of a log that is no more: it is dropped.

Nothing here relies on the order in which pages and live events arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chat_client.models import Cursor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """What to ask the server for; without `epoch` the answer tells the current one."""

    after_seq: int
    epoch: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class LogPage(Generic[T]):
    """An answer: events oldest first, each with its `seq`, and how far the log reaches."""

    items: Sequence[tuple[int, T]]
    last_seq: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """What an input has led to.

    Attributes:
        items: Events to hand on, in order, behind the reset if there is one.
        reset: The copy is void and begins anew.
        progress: False if asking again at once would be the same question again.
    """

    items: Sequence[T] = ()
    reset: bool = False
    progress: bool = True


class RoomLog(Generic[T]):
    """Order of one room's events.

    Args:
        backlog: How many of the newest events a new copy begins with; None for the whole log, 0 for what comes from
            now on. Holds at the start and after a reset, never for a resumed copy.
        resume: Where the application's copy ends already.
        held_limit: The most events held back at once.
        page_limit: The most events asked for at once (the contract allows 200).
    """

    def __init__(
        self,
        *,
        backlog: int | None = None,
        resume: Cursor | None = None,
        held_limit: int = 512,
        page_limit: int = 200,
    ) -> None:
        self._backlog = backlog
        self._held_limit = held_limit
        self._page_limit = page_limit
        self._epoch = None if resume is None else resume.epoch
        self._last = 0 if resume is None else resume.seq
        self._target = self._last
        self._held: dict[int, T] = {}
        self._unconfirmed = False

    @property
    def cursor(self) -> Cursor | None:
        """The last event handed on; None while the room's epoch is not known."""
        return None if self._epoch is None else Cursor(self._epoch, self._last)

    @property
    def epoch(self) -> str | None:
        """The epoch of this copy; None while it is not known."""
        return self._epoch

    def announced(self, cursor: Cursor) -> Step[T]:
        """Take the live cursor of a new connection or a new membership."""
        self._held.clear()
        if self._epoch == cursor.epoch:
            # A cursor below the last event is legal (a node that lags), and so would be a log that was cut: ask.
            self._unconfirmed = cursor.seq < self._last
            self._target = max(self._last, cursor.seq)
            return Step()
        is_new = self._epoch is None
        self._begin(cursor)
        return Step(reset=not is_new)

    def live(self, seq: int, item: T) -> Step[T]:
        """Take an event from the connection, or an ack in its place."""
        items: list[T] = []
        if self._epoch is None:
            self._hold(seq, item)
        else:
            self._take(seq, item, items)
            self._release(items)
        return Step(items)

    def exists(self, seq: int) -> None:
        """Remember that there is an event, to be asked for later."""
        self._target = max(self._target, seq)

    def wanted(self) -> HistoryRequest | None:
        """Say what to ask for now; None if nothing is missing."""
        if self._epoch is None:
            # With a bounded backlog this question is only after the epoch and the end of the log.
            return HistoryRequest(0, None, self._page_limit if self._backlog is None else 1)
        if self._unconfirmed or self._last < self._target:
            return HistoryRequest(self._last, self._epoch, self._page_limit)
        return None

    def page(self, request: HistoryRequest, page: LogPage[T]) -> Step[T]:
        """Take the answer to `request`."""
        if request.epoch != self._epoch:
            return Step()  # the copy was reset meanwhile: an answer to a question that is no longer asked
        if self._epoch is None:
            self._begin(Cursor(page.epoch, page.last_seq))
            begun = True
        elif page.epoch != self._epoch:
            return self.resync(request)
        else:
            begun = self._unconfirmed
            self._unconfirmed = False
        self._target = max(self._target, page.last_seq)
        items: list[T] = []
        for seq, item in page.items:
            self._take(seq, item, items)
        self._release(items)
        return Step(items, progress=bool(items) or begun)

    def resync(self, request: HistoryRequest) -> Step[T]:
        """Take `resync_required` as the answer to `request`."""
        if request.epoch is None or request.epoch != self._epoch:
            # Without an epoch there is nothing to be out of step with; a server that says so is asked again, later.
            return Step(progress=request.epoch != self._epoch)
        self._epoch = None
        self._last = self._target = 0
        self._held.clear()
        self._unconfirmed = False
        return Step(reset=True)

    def _begin(self, end: Cursor) -> None:
        self._epoch = end.epoch
        self._last = 0 if self._backlog is None else max(0, end.seq - self._backlog)
        self._held = {seq: item for seq, item in self._held.items() if seq > self._last}
        self._target = max(end.seq, self._last, *self._held)
        self._unconfirmed = False

    def _take(self, seq: int, item: T, items: list[T]) -> None:
        if seq == self._last + 1:
            self._last = seq
            self._target = max(self._target, seq)
            self._held.pop(seq, None)
            items.append(item)
        elif seq > self._last:
            self._hold(seq, item)

    def _release(self, items: list[T]) -> None:
        while self._last + 1 in self._held:
            self._last += 1
            items.append(self._held.pop(self._last))

    def _hold(self, seq: int, item: T) -> None:
        self._target = max(self._target, seq)
        # The bound keeps the earliest: they are the ones that fit next.
        if len(self._held) < self._held_limit:
            self._held.setdefault(seq, item)

"""When outboxes are flushed: all that one turn of the event loop filled, by one callback and not by one for each."""

import asyncio
from collections import deque
from typing import Final, Protocol

SLICE: Final = 256
"""So many outboxes are flushed before everything else that the loop has to do gets a turn: about 2 ms."""


class Flushable(Protocol):
    """What is flushed."""

    def flush_in_turn(self) -> None:
        """Give the transport what it takes; never raises. From now on it may be added again."""
        ...


class Flusher:
    """Flush, at the end of the turn, what was added during it; what is bulk waits behind what is not.

    So a room with thousands of connections does not delay one with two.
    """

    __slots__ = ("_bulk", "_express", "_is_scheduled")

    def __init__(self) -> None:
        self._express: deque[Flushable] = deque()
        self._bulk: deque[Flushable] = deque()
        self._is_scheduled = False

    def add(self, outbox: Flushable, *, is_bulk: bool) -> None:
        """Flush this one soon; whoever adds it takes care to add it once."""
        (self._bulk if is_bulk else self._express).append(outbox)
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        for _ in range(SLICE):
            if self._express:
                self._express.popleft().flush_in_turn()
            elif self._bulk:
                self._bulk.popleft().flush_in_turn()
            else:
                self._is_scheduled = False
                return
        asyncio.get_running_loop().call_soon(self._run)

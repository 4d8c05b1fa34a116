"""The events on their way to the application."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Self

from chat_client.errors import ChatClientError
from chat_client.events import AnyEvent, Connected, Disconnected, Draining, ReadMoved, Typing

# What tells of a moment. The application loses nothing that lasts if it is too far behind to hear of it.
_PASSING = (Connected, Disconnected, Draining, ReadMoved, Typing)


class EventStream:
    """An asynchronous iterator for one reader; a reader that is cancelled loses nothing.

    It ends when the client is closed, and raises the client's error once, after the last event, when the client had
    to stop. Past `bound` events `is_full` asks the other side to bring no more from the rooms' logs until
    `on_space` is called; what only tells of a moment is dropped then.
    """

    def __init__(self, *, bound: int, on_space: Callable[[], None]) -> None:
        self._bound = bound
        self._on_space = on_space
        self._events: deque[AnyEvent] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._is_closed = False
        self._error: ChatClientError | None = None
        self._was_full = False

    @property
    def is_full(self) -> bool:
        """Whether the reader is behind."""
        return len(self._events) >= self._bound

    def put(self, events: Iterable[AnyEvent]) -> None:
        """Append events."""
        for event in events:
            if not (self.is_full and isinstance(event, _PASSING)):
                self._events.append(event)
        self._was_full = self._was_full or self.is_full
        self._wake()

    def close(self, error: ChatClientError | None = None) -> None:
        """End the stream behind what it holds."""
        if not self._is_closed:
            self._is_closed, self._error = True, error
            self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnyEvent:
        if self._reader is not None:
            raise RuntimeError("the events are already being read")
        while not self._events:
            if self._is_closed:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        event = self._events.popleft()
        if self._was_full and len(self._events) <= self._bound // 2:
            self._was_full = False
            self._on_space()
        return event

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

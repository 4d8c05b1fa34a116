"""Reads that many ask for at once, made as one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from api.store.parts import IDS_AT_ONCE

Key = TypeVar("Key")
Value = TypeVar("Value")


class Gathering(Generic[Key, Value]):
    """One read at a time, for all who asked before it began: a storm of handshakes costs few queries.

    What is given was read after it was asked for.

    Args:
        read: reads the values of different keys; one that has none is left out.
    """

    def __init__(self, read: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._read = read
        self._waiting: dict[Key, asyncio.Future[Value | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Value | None:
        """Read one value; None: there is none. Raises what `read` raises."""
        future = self._waiting.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._waiting[key] = loop.create_future()
            # An error that nobody waits for any more is nobody's.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            if self._reading is None:
                self._reading = loop.create_task(self._read_on())
        # Others may wait for it, too: who gives up must not take it from them.
        return await asyncio.shield(future)

    async def _read_on(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[:IDS_AT_ONCE]
                await self._read_for({key: self._waiting.pop(key) for key in keys})
        finally:
            self._reading = None

    async def _read_for(self, asked: Mapping[Key, asyncio.Future[Value | None]]) -> None:
        try:
            found = await self._read(list(asked))
        except BaseException as error:
            for future in asked.values():
                future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for key, future in asked.items():
                future.set_result(found.get(key))

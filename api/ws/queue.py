"""The commands of one connection that wait for their turn."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final

from api.ws.commands import Command

WAITING_MAX: Final = 32


class CommandQueue:
    """Run commands one after the other in the order they came, each only once there is room for its answer.

    Args:
        execute: carries a command out and answers it; never raises.
        has_room: tells whether the outbox takes another answer.
        on_change: called whenever the queue has got shorter, idle, or has to wait for room.
        context: what the log lines of the commands are bound to.
    """

    def __init__(
        self,
        execute: Callable[[Command], Awaitable[None]],
        *,
        has_room: Callable[[], bool],
        on_change: Callable[[], None],
        context: Context,
    ) -> None:
        self._execute = execute
        self._has_room = has_room
        self._on_change = on_change
        self._context = context
        self._waiting: deque[Command] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._room: asyncio.Event | None = None

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more should be read from the client."""
        return len(self._waiting) >= WAITING_MAX

    @property
    def is_idle(self) -> bool:
        """Tell whether every command has its answer."""
        return self._runner is None

    def add(self, command: Command) -> None:
        """Let a command wait for its turn."""
        self._waiting.append(command)
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run(), context=self._context)

    def wake(self) -> None:
        """Look again whether there is room."""
        if self._room is not None:
            self._room.set()

    def clear(self) -> None:
        """Forget what waits: the connection ends."""
        self._waiting.clear()
        self.wake()

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._has_room():
                    await self._execute(self._waiting.popleft())
                    self._on_change()
                else:
                    self._room = asyncio.Event()
                    self._on_change()
                    await self._room.wait()
        finally:
            self._runner = None
            self._on_change()

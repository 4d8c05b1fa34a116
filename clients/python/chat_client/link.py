"""Keeps one connection up: opens it, lets it be served, and replaces it, until told to stop."""

import asyncio
from collections.abc import Awaitable, Callable

from chat_client.backoff import Backoff
from chat_client.connection import Connection
from chat_client.errors import ChatClientError
from chat_client.reconnect import Plan, plan

# A connection that lasted this long was a success: the next waits are short again.
_STABLE_S = 5.0

Sleep = Callable[[float], Awaitable[None]]


class Link:
    """The connection of the moment.

    Args:
        open_connection: Opens one; its argument: whether to replace the access token first.
        serve: Runs one connection from `welcome` to its end and says how it ended.
        on_trouble: Told of every end and every failed attempt, and of the wait that follows.
        sleep: Waits; `asyncio.sleep` but in tests.
    """

    def __init__(
        self,
        *,
        open_connection: Callable[[bool], Awaitable[Connection]],
        serve: Callable[[Connection], Awaitable[ChatClientError]],
        on_trouble: Callable[[ChatClientError, float], None],
        backoff: Backoff,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._open_connection = open_connection
        self._serve = serve
        self._on_trouble = on_trouble
        self._backoff = backoff
        self._sleep = sleep
        self._changed = asyncio.Event()
        self.connection: Connection | None = None
        self.failure: ChatClientError | None = None
        self.draining_s: float | None = None

    async def run(self) -> ChatClientError:
        """Keep a connection up; return the error after which no connection will be had."""
        refresh = False
        while True:
            error, lasted_s = await self._once(refresh=refresh)
            step = plan(error, draining_s=self.draining_s, refreshed=refresh)
            if step.stop:
                return error
            if lasted_s >= _STABLE_S:
                self._backoff.reset()
            refresh = step.refresh
            wait_s = self._wait_s(step)
            self._on_trouble(error, wait_s)
            await self._sleep(wait_s)

    def stop(self, error: ChatClientError) -> None:
        """Note that there will be no connection any more; all who wait for one are told."""
        if self.failure is None:
            self.failure = error
        self.connection = None
        self._pulse()

    async def next_connection(self, *, after: Connection | None = None) -> Connection:
        """Wait for a connection, for one that is not `after`.

        Raises:
            ChatClientError: why there will be none.
        """
        while True:
            if self.failure is not None:
                raise self.failure
            if self.connection is not None and self.connection is not after:
                return self.connection
            await self._changed.wait()

    async def _once(self, *, refresh: bool) -> tuple[ChatClientError, float]:
        self.draining_s = None
        try:
            connection = await self._open_connection(refresh)
        except ChatClientError as error:
            return error, 0.0
        began = asyncio.get_running_loop().time()
        self.connection = connection
        self._pulse()
        try:
            ended = await self._serve(connection)
        finally:
            self.connection = None
        return ended, asyncio.get_running_loop().time() - began

    def _wait_s(self, step: Plan) -> float:
        # Only the credential had run out: no reason to stay away, unless that happens again and again.
        if step.refresh and not step.wait_s and self._backoff.attempt == 0:
            self._backoff.next_s()
            return 0.0
        return step.wait_s + self._backoff.next_s()

    def _pulse(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

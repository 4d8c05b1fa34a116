"""Sends what is in the outbox over whatever connection there is, and tells each caller how it ended."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from chat_client.backoff import Backoff
from chat_client.connection import Answer, Connection
from chat_client.errors import ChatApiError, ChatClientError, ConnectionClosedError, Json, SendTimeoutError
from chat_client.events import SendFailed
from chat_client.models import Message, parsed
from chat_client.outbox import Entry, Outbox, OutboxStore

# `internal_error` is called retryable, but a message that the server stumbles over each time must not block its room.
_MOST_INTERNAL_ERRORS = 5


class Delivery:
    """The way of messages to the server.

    Args:
        on_acknowledged: Given the result of each acknowledged message, in the order of the wire.
        on_failed: Told of a definite refusal that no caller waits for.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        store: OutboxStore,
        *,
        pipeline: int,
        backoff: Backoff,
        on_acknowledged: Callable[[Json], None],
        on_failed: Callable[[SendFailed], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._outbox = Outbox(pipeline=pipeline)
        self._backoff = backoff
        self._on_acknowledged = on_acknowledged
        self._on_failed = on_failed
        self._clock = clock
        self._waiting: dict[str, list[asyncio.Future[Message]]] = {}
        self._kept: set[str] = set()  # keys that stay, though nobody waits for them
        self._work = asyncio.Event()
        self._settled = asyncio.Event()
        self._stopped: ChatClientError | None = None
        for entry in store.load():
            self._kept.add(entry.idempotency_key)
            self._outbox.add(entry)

    @property
    def pending(self) -> tuple[Entry, ...]:
        """What is neither acknowledged nor refused yet, in the order of sending."""
        return tuple(self._outbox)

    def post(self, entry: Entry) -> None:
        """Entrust `entry` for good: it is sent until it is acknowledged or definitely refused."""
        self._entrust(entry)
        self._kept.add(entry.idempotency_key)

    async def send(self, entry: Entry, *, timeout_s: float | None = None) -> Message:
        """Entrust `entry` and wait for the message.

        Timed out or cancelled, it is given up: not tried again, though it may exist.

        Raises:
            SendTimeoutError: it was not acknowledged in time.
            ChatClientError: refused for good, or the client stopped.
        """
        self._entrust(entry)
        key = entry.idempotency_key
        acknowledged: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(acknowledged)
        may_exist = False
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    return await acknowledged
                except asyncio.CancelledError:
                    may_exist = self._outbox.was_sent(key)
                    self._give_up(key, acknowledged)
                    raise
        except TimeoutError:
            raise SendTimeoutError(key, may_exist=may_exist) from None

    async def flushed(self) -> None:
        """Wait until nothing is pending.

        Raises:
            ChatClientError: the client stopped before.
        """
        while self._outbox:
            if self._stopped is not None:
                raise self._stopped
            await self._settled.wait()

    async def run(self, connection: Connection) -> None:
        """Send over `connection` until cancelled or it has ended."""
        try:
            while connection.closed is None:
                entry = self._outbox.next_ready(self._clock())
                if entry is None:
                    await self._wait_for_work()
                    continue
                self._outbox.sent(entry.idempotency_key)
                fields: dict[str, Any] = {
                    "room_id": entry.room_id,
                    "body": entry.body,
                    "idempotency_key": entry.idempotency_key,
                }
                await connection.start("message.send", fields, functools.partial(self._answered, entry))
        finally:
            self._outbox.connection_lost()

    def stop(self, error: ChatClientError) -> None:
        """Tell all who wait that nothing more is sent. What is pending stays in the store."""
        self._stopped = error
        waiting, self._waiting = self._waiting, {}
        for futures in waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # a caller that is being cancelled at this moment will not look
        self._pulse_settled()

    def _entrust(self, entry: Entry) -> None:
        if self._stopped is not None:
            raise self._stopped
        known = self._outbox.get(entry.idempotency_key)
        if known is None:
            self._store.add(entry)
            self._outbox.add(entry)
            self._work.set()
        elif known != entry:
            raise ValueError("another message with this idempotency key is on its way")

    async def _wait_for_work(self) -> None:
        self._work.clear()
        wait_s = self._outbox.not_before - self._clock()
        try:
            async with asyncio.timeout(wait_s if wait_s > 0 else None):
                await self._work.wait()
        except TimeoutError:
            pass

    def _answered(self, entry: Entry, answer: Answer) -> None:
        match answer:
            case ConnectionClosedError():
                return  # to be sent again over the next one
            case ChatApiError() if answer.retryable and self._try_again(entry, answer):
                pass
            case ChatClientError():
                self._refused(entry, answer)
            case _:
                # The ack stands in the place of the event, also if nobody waits for it any more.
                self._on_acknowledged(answer)
                message = parsed(lambda result: Message.parse(result["message"]), answer)
                self._backoff.reset()
                for future in self._settle(entry.idempotency_key):
                    if not future.done():
                        future.set_result(message)
        self._work.set()

    def _give_up(self, key: str, acknowledged: asyncio.Future[Message]) -> None:
        waiting = self._waiting.get(key)
        if waiting is None or acknowledged not in waiting:
            return  # it was settled at this very moment
        waiting.remove(acknowledged)
        if not waiting and key not in self._kept:
            self._settle(key)

    def _try_again(self, entry: Entry, refusal: ChatApiError) -> bool:
        # What the server names is enough once; where it is not, other connections of the user take what is freed.
        wait_s = refusal.retry_after_s
        if not wait_s or self._backoff.attempt:
            wait_s += self._backoff.next_s()
        else:
            self._backoff.next_s()
        refusals = self._outbox.refused(entry.idempotency_key, retry_at=self._clock() + wait_s)
        return refusal.code != "internal_error" or refusals < _MOST_INTERNAL_ERRORS

    def _refused(self, entry: Entry, error: ChatClientError) -> None:
        is_known = entry.idempotency_key in self._outbox
        futures = [future for future in self._settle(entry.idempotency_key) if not future.done()]
        for future in futures:
            future.set_exception(error)
        if is_known and not futures:
            self._on_failed(SendFailed(entry.room_id, entry.body, entry.idempotency_key, error))

    def _settle(self, key: str) -> list[asyncio.Future[Message]]:
        self._outbox.settled(key)
        self._store.remove(key)
        self._kept.discard(key)
        self._work.set()
        self._pulse_settled()
        return self._waiting.pop(key, [])

    def _pulse_settled(self) -> None:
        self._settled.set()
        self._settled = asyncio.Event()

"""Asks for what the rooms' copies lack, until they lack nothing."""

import asyncio
from collections.abc import Callable, Sequence

from chat_client.backoff import Backoff
from chat_client.connection import Connection
from chat_client.errors import BadAnswerError, ChatApiError, ConnectionClosedError, Json
from chat_client.events import AnyEvent
from chat_client.link import Sleep
from chat_client.mirror import Mirror
from chat_client.models import parsed
from chat_client.room_log import HistoryRequest

# Rooms asked for at a time: enough to hide the round trip, few enough to leave the server's turn to others.
_WORKERS = 4


class CatchUp:
    """History for the rooms of `mirror`: one question per room at a time, `_WORKERS` rooms at a time.

    Args:
        emit: Given what the application is to be told.
        backoff: Makes the waits between refusals that may pass.
    """

    def __init__(
        self,
        mirror: Mirror,
        *,
        emit: Callable[[Sequence[AnyEvent]], None],
        backoff: Callable[[], Backoff],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._mirror = mirror
        self._emit = emit
        self._backoff = backoff
        self._sleep = sleep
        self._asking: set[str] = set()
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Look again for what is lacking."""
        self._poked.set()

    async def run(self, connection: Connection) -> None:
        """Ask over `connection` until cancelled or it has ended."""
        self._asking.clear()
        async with asyncio.TaskGroup() as workers:
            for number in range(_WORKERS):
                workers.create_task(self._work(connection), name=f"chat_client.history.{number}")

    async def _work(self, connection: Connection) -> None:
        backoff = self._backoff()
        while True:
            room_id, request = await self._next()
            self._asking.add(room_id)
            try:
                wait_s = await self._ask(connection, room_id, request, backoff)
                if wait_s:
                    await self._sleep(wait_s)
            except ConnectionClosedError:
                return
            except BadAnswerError as error:
                connection.fail(str(error))
                return
            finally:
                self._asking.discard(room_id)

    async def _next(self) -> tuple[str, HistoryRequest]:
        while True:
            wanted = self._mirror.wanted(but=self._asking)
            if wanted is not None:
                return wanted
            self._poked.clear()
            await self._poked.wait()

    async def _ask(self, connection: Connection, room_id: str, request: HistoryRequest, backoff: Backoff) -> float:
        """Ask once and return how long to leave this room alone, in seconds."""
        fields: Json = {"room_id": room_id, "after_seq": request.after_seq, "limit": request.limit}
        if request.epoch is not None:
            fields["epoch"] = request.epoch
        try:
            result = await connection.request("history.get", fields)
        except ChatApiError as error:
            if error.code == "resync_required":
                told, progress = self._mirror.resync(room_id, request)
            elif error.retryable:
                return error.retry_after_s + backoff.next_s()
            else:
                # Left or banned at this moment: `room.left` is on its way, and nothing is to be asked for any more.
                self._mirror.barred(room_id)
                return 0.0
        else:
            told, progress = parsed(lambda data: self._mirror.page(room_id, request, dict(data)), result)
        self._emit(told)
        if not progress:
            return backoff.next_s()
        backoff.reset()
        return 0.0

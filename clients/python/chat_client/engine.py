"""What runs behind the client: the parts, and how frames and events pass between them."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence

from chat_client.backoff import Backoff
from chat_client.catch_up import CatchUp
from chat_client.connection import Connection
from chat_client.connector import Connector, TokenRenewal
from chat_client.delivery import Delivery
from chat_client.errors import BadAnswerError, ChatClientError, ClientClosedError, Json
from chat_client.event_stream import EventStream
from chat_client.events import AnyEvent, Disconnected, Draining
from chat_client.handshake import Way
from chat_client.link import Link
from chat_client.mirror import Mirror
from chat_client.models import Cursor, parsed
from chat_client.outbox import OutboxStore
from chat_client.session import Session

_log = logging.getLogger(__name__)


class Engine:
    """Keeps a connection up (`link`), the rooms' copies whole (`mirror`) and messages going out (`delivery`)."""

    def __init__(
        self,
        session: Session,
        *,
        way: Way,
        backlog: int | None,
        resume: Mapping[str, Cursor] | None,
        outbox: OutboxStore,
        pipeline: int,
        buffer: int,
        tls: ssl.SSLContext | None,
        backoff: Callable[[], Backoff],
    ) -> None:
        self._session = session
        self._backoff = backoff
        self.mirror = Mirror(backlog=backlog, resume=resume)
        self.stream = EventStream(bound=buffer, on_space=self._resume_logs)
        self._catch_up = CatchUp(self.mirror, emit=self._emit, backoff=backoff)
        self.delivery = Delivery(
            outbox,
            pipeline=pipeline,
            backoff=backoff(),
            on_acknowledged=lambda result: self._emit(self.mirror.acknowledged(result)),
            on_failed=lambda failed: self._emit([failed]),
            clock=time.monotonic,
        )
        self.link = Link(
            open_connection=Connector(session, way=way, tls=tls).open,
            serve=self._serve,
            on_trouble=lambda error, wait_s: self._emit([Disconnected(error, wait_s)]),
            backoff=backoff(),
        )

    async def run(self) -> None:
        """Run until cancelled, or until there is no sense in going on."""
        try:
            error = await self.link.run()
        except Exception as failure:  # noqa: BLE001 - logged, and raised to every caller as what ended the client
            _log.exception("the client failed")
            error = ChatClientError("the client failed")
            error.__cause__ = failure
        self.stop(error)

    def stop(self, error: ChatClientError) -> None:
        """End all calls with `error`, and the events behind what there is."""
        self.link.stop(error)
        self.delivery.stop(error)
        self.stream.close(None if isinstance(error, ClientClosedError) else error)

    async def _serve(self, connection: Connection) -> ChatClientError:
        renewal = TokenRenewal(self._session, backoff=self._backoff())
        try:
            self._emit(parsed(self.mirror.welcome, connection.welcome))
        except BadAnswerError as error:
            await connection.close()
            return error
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._renew(renewal, connection), name="chat_client.renewal")
            helpers = [
                renewing,
                tasks.create_task(self.delivery.run(connection), name="chat_client.delivery"),
                tasks.create_task(self._catch_up.run(connection), name="chat_client.catch_up"),
            ]
            try:
                ended: ChatClientError = await connection.read(lambda frame: self._push(frame, renewal))
            except BadAnswerError as error:
                ended = error
            finally:
                for helper in helpers:
                    helper.cancel()
        return (None if renewing.cancelled() else renewing.result()) or ended

    async def _renew(self, renewal: TokenRenewal, connection: Connection) -> ChatClientError | None:
        error = await renewal.run(connection)
        if error is not None:
            connection.fail("the session ended")
        return error

    def _push(self, frame: Json, renewal: TokenRenewal) -> None:
        match frame["type"]:
            case "heartbeat":
                pass
            case "token.expiring":
                renewal.expiring()
            case "server.draining":
                self.link.draining_s = frame["reconnect_after_ms"] / 1000
                self._emit([Draining(self.link.draining_s)])
            case _:
                self._emit(self.mirror.push(frame))

    def _emit(self, events: Sequence[AnyEvent]) -> None:
        self.stream.put(events)
        self.mirror.is_held = self.stream.is_full
        self._catch_up.poke()

    def _resume_logs(self) -> None:
        self.mirror.is_held = False
        self._catch_up.poke()

"""HTTP: what is no request is refused in our words, a request ends with its server, an upgrade loses no byte."""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
import structlog
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api import log_events
from api.domain.errors import ChatError, ErrorCode
from api.server.refusals import count_refusal, error_of, refusal
from api.server.tcp import LINGER_S

# What is read of a client behind its last answer: all of a body that somebody took for a small one. Then no more: who
# sends as long as he is read has to stop, and look.
LINGER_BYTES: Final = 1024 * 1024
_NO_HTTP: Final = "This is no HTTP request."

_WITHOUT_UPGRADE: Final = "1.0"


class ChatHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which never answers in words of its own, nor logs what any client can cause.

    Where the rest of a body will never come, the application's `receive` raises the ChatError that says why.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._serving: RequestResponseCycle | None = None
        self._fault: ChatError | None = None
        # What comes is dropped: it is no HTTP, or stands behind the last answer.
        self._is_done_reading = False
        self._dropped_bytes = 0
        self._lingering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._cycle_transport = cast("asyncio.Transport", _CycleTransport(transport, self._hang_up))

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._is_done_reading:
            self._drop(data)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._is_done_reading = True
            self._refuse_unreadable()
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._upgrade(data[upgrade.args[0] :])
            else:
                self._decline_upgrade()

    def eof_received(self) -> None:
        self._part_with_client()  # the transport closes itself now, and takes no answer any more

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._part_with_client()
        if self._lingering is not None:
            self._lingering.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_done_reading:
            self._unset_keepalive_if_required()

    def shutdown(self) -> None:
        """End the connection: a request that is here is answered, one that is still on its way is refused."""
        if not self._is_answering():
            self.transport.close()
        elif self._serving is not None and self._serving.more_body:
            self._serving.more_body = False  # so that nobody lingers over what its client may still send
            self._give_up(self._serving, HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._end_after_answer()

    def _should_upgrade(self) -> bool:
        """Take no upgrade from HTTP/1.0 (RFC 9110 §7.8): a proxy of that age passes the field on unread."""
        return self.parser.get_http_version() != _WITHOUT_UPGRADE and super()._should_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._serving = cycle
        cycle.transport = self._cycle_transport

        async def serve(scope: Scope, _receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            await app(scope, partial(self._receive, cycle), send)

        super()._start_asgi_task(cycle, serve)

    async def _receive(self, cycle: RequestResponseCycle) -> ASGIReceiveEvent:
        message = await cycle.receive()
        if self._fault is None or message["type"] == "http.disconnect":
            return message
        raise self._fault

    def _is_answering(self) -> bool:
        return self._serving is not None and not self._serving.response_complete

    def _part_with_client(self) -> None:
        """Let the request that is being served find that nobody waits for its answer.

        uvicorn tells the one that came last, which may still wait for its turn.
        """
        self.pipeline.clear()
        if self._serving is not None and self._is_answering():
            self._serving.disconnected = True
            self._serving.message_event.set()

    def _end_after_answer(self) -> None:
        """Let the answer that is under way be the last; what came behind it has not begun."""
        self.pipeline.clear()
        if self._serving is not None:
            self._serving.keep_alive = False

    def _refuse_unreadable(self) -> None:
        if not self._is_answering():
            self._refuse()
        elif self._serving is not None and self._serving.more_body:
            self._give_up(self._serving, HTTPStatus.BAD_REQUEST)
        else:
            # What was asked before is still answered; a second answer would be taken for a part of it.
            self._log_refusal(None)
            self._end_after_answer()

    def _give_up(self, request: RequestResponseCycle, status: HTTPStatus) -> None:
        """Let the application refuse a request whose rest never comes; an answer that has begun is cut."""
        self._end_after_answer()
        if request.response_started:
            request.disconnected = True
            self.transport.close()
        else:
            self._fault = error_of(status, detail=_NO_HTTP)
        request.message_event.set()

    def _refuse(self) -> None:
        """Answer what is no request."""
        response = refusal(HTTPStatus.BAD_REQUEST, detail=_NO_HTTP)
        self._log_refusal(response.headers["X-Request-ID"])
        self.transport.write(response.serialize())
        self._hang_up()

    def _hang_up(self) -> None:
        """End the connection behind the last answer: while the client still sends, this side alone, for a moment."""
        if self.transport.is_closing():
            return
        self.pipeline.clear()
        if self._is_done_reading or (self._serving is not None and self._serving.more_body):
            self._is_done_reading = True
            self.transport.write_eof()
            self._lingering = self.loop.call_later(LINGER_S, self.transport.abort)
        else:
            self.transport.close()

    def _drop(self, data: bytes) -> None:
        self._dropped_bytes += len(data)
        if self._dropped_bytes > LINGER_BYTES:
            self.transport.pause_reading()

    def _log_refusal(self, request_id: str | None) -> None:
        code = ErrorCode.BAD_REQUEST
        count_refusal(self.app_state, "rest", code)
        with structlog.contextvars.bound_contextvars(**({} if request_id is None else {"request_id": request_id})):
            log_events.HTTP_REFUSED.emit(
                code=code.value, status=HTTPStatus.BAD_REQUEST.value, client=self.client[0] if self.client else ""
            )

    def _decline_upgrade(self) -> None:
        """Answer as if no other protocol had been asked for (RFC 9110 §7.8), but for a body: the parser gives none."""
        self._is_done_reading = True
        has_body = any(
            name in {b"content-length", b"transfer-encoding"} and value != b"0" for name, value in self.headers
        )
        if has_body and self._serving is self.cycle:
            self._give_up(self.cycle, HTTPStatus.BAD_REQUEST)
        self._end_after_answer()

    def _upgrade(self, rest: bytes) -> None:
        """Hand the connection over, and with it what came behind the request in the same read (uvicorn drops that).

        An upgrade behind a request whose answer is not sent yet ends the connection: that answer would be written
        into the frames, and a transport that has already paused its writer does not tell the next protocol.
        """
        if self.flow.write_paused or self._is_answering():
            self.transport.abort()
            return
        self.handle_websocket_upgrade()
        if rest:
            self.transport.get_protocol().data_received(rest)  # type: ignore[attr-defined]


class _CycleTransport:
    """The transport as uvicorn's cycle uses it, which closes it behind the last answer."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close

"""The handshake of a WebSocket: what comes too early waits, refusals are problem documents, the log stays clean."""

import asyncio
import functools
import logging
from http import HTTPStatus
from typing import Any

import structlog
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidHeader, InvalidMethod, InvalidUpgrade
from websockets.http11 import Response
from websockets.typing import StatusLike

from api import log_events
from api.server.refusals import code_of, count_refusal, refusal
from api.server.tcp import LINGER_S


class HandshakeProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, of which a refused or hostile client leaves no line in the log."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = self.conn.logger = _logger()
        self.conn.debug = False  # its lines hold the request line and all headers, credentials included
        self.conn.reject = self._reject  # type: ignore[method-assign]
        self._early = b""
        self._application = self.app
        self.app = self._serve_application

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self.handshake_complete:
            # A client has to wait for the 101 (RFC 6455 §4.1). If it does not, no pong may overtake the answer.
            self._early += data
            self.transport.pause_reading()
            return
        self.conn.receive_data(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_unreadable()
            return
        self.handle_events()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept" and self._early and self.handshake_complete:
            early, self._early = self._early, b""
            self.transport.resume_reading()
            self.data_received(early)
        elif message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # else uvicorn logs a refusal as an error of the application

    def refuse_handshake(self, status: int) -> None:
        """Answer a handshake on the server's own account; the application finds the connection closed."""
        self.conn.send_response(self._reject(status, ""))
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def _refuse_unreadable(self) -> None:
        """Answer what the parser could not read as a handshake (too large, or with a body); uvicorn leaves it open."""
        answer = b"".join(self.conn.data_to_send()) or self._reject(HTTPStatus.BAD_REQUEST, "").serialize()
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self.transport.write(answer)
        self._end_this_side()

    def _end_this_side(self) -> None:
        """Send what was written and the end of this side alone; what still comes is read for a moment."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.transport.resume_reading()
        else:
            self.transport.close()
        self._abort_after(LINGER_S)

    def _abort_after(self, delay_s: float) -> None:
        """Cut the line unless it is gone in `delay_s`; an earlier deadline stays."""
        if self.close_timer is not None:
            if self.close_timer.when() <= self.loop.time() + delay_s:
                return
            self.close_timer.cancel()
        if not self.disconnected:
            self.close_timer = self.loop.call_later(delay_s, self.transport.abort)

    async def _serve_application(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Run the application; that the client left before its answer is no fault of it, whatever it raises then."""
        try:
            await self._application(scope, receive, send)
        except Exception as error:
            if not (self.disconnected and _tells_of_the_loss(error)):
                raise

    def _reject(self, status: StatusLike, text: str) -> Response:  # noqa: ARG002 - it may repeat what was refused
        """Stand in for the answers of the WebSocket library, which uvicorn uses too."""
        request = getattr(self, "request", None)
        error = self.conn.handshake_exc
        status = _status_of(error, status)
        code = code_of(status)
        count_refusal(self.app_state, "handshake", code)
        response = refusal(status, request.headers.raw_items() if request is not None else ())
        if isinstance(error, InvalidUpgrade):
            del response.headers["Upgrade"]  # the library adds it
        with structlog.contextvars.bound_contextvars(request_id=response.headers["X-Request-ID"]):
            log_events.WS_REFUSED.emit(code=code.value, status=status, client=self.client[0] if self.client else "")
        return response


def _status_of(error: BaseException | None, status: StatusLike) -> int:
    """Correct the WebSocket library: another version is 426 (RFC 6455 §4.4), another method no method of the path."""
    if isinstance(error, InvalidHeader) and error.name == "Sec-WebSocket-Version":
        return HTTPStatus.UPGRADE_REQUIRED.value
    if isinstance(error, InvalidMethod):
        return HTTPStatus.BAD_REQUEST.value
    return int(status)


def _tells_of_the_loss(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ClientDisconnected):
        error = error.__cause__ or error.__context__
    return error is not None


@functools.cache
def _logger() -> logging.Logger:
    """Give uvicorn's logger without what it says of every connection: that holds the query string."""
    logger = logging.getLogger("uvicorn.error.websocket")
    logger.setLevel(logging.WARNING)
    return logger

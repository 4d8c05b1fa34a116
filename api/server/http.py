"""HTTP: what is no request is refused in our words, a request ends with its server, an upgrade loses no byte."""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import httptools
import structlog
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api import log_events
from api.server.refusals import code_of, count_refusal, refusal

_WITHOUT_UPGRADE: Final = "1.0"


class ChatHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which never answers in words of its own, nor logs what any client can cause."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._serving: RequestResponseCycle | None = None
        self._is_unreadable = False

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._is_unreadable:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._is_unreadable = True
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

    def shutdown(self) -> None:
        """End the connection: a request that is here is answered, one that is still on its way is refused."""
        if not self._is_answering():
            self.transport.close()
        elif self._serving is not None and self._serving.more_body:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, self._serving)
        else:
            self._end_after_answer()

    def _should_upgrade(self) -> bool:
        """Take no upgrade from HTTP/1.0 (RFC 9110 §7.8): a proxy of that age passes the field on unread."""
        return self.parser.get_http_version() != _WITHOUT_UPGRADE and super()._should_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._serving = cycle
        super()._start_asgi_task(cycle, app)

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
            self._refuse(HTTPStatus.BAD_REQUEST, None)
        elif self._serving is not None and self._serving.more_body:
            self._refuse(HTTPStatus.BAD_REQUEST, self._serving)
        else:
            # What was asked before is still answered; a second answer would be taken for a part of it.
            self._log_refusal(HTTPStatus.BAD_REQUEST, None)
            self._end_after_answer()

    def _refuse(self, status: HTTPStatus, request: RequestResponseCycle | None) -> None:
        """Answer in the application's stead, unless it has begun to; it finds that the client is gone."""
        if request is None or not request.response_started:
            response = refusal(status, detail="This is no HTTP request.")
            self._log_refusal(status, response.headers["X-Request-ID"])
            self.transport.write(response.serialize())
        if request is not None:
            request.disconnected = True
            request.message_event.set()
        self.transport.close()

    def _log_refusal(self, status: HTTPStatus, request_id: str | None) -> None:
        code = code_of(status)
        count_refusal(self.app_state, "rest", code)
        with structlog.contextvars.bound_contextvars(**({} if request_id is None else {"request_id": request_id})):
            log_events.HTTP_REFUSED.emit(
                code=code.value, status=status.value, client=self.client[0] if self.client else ""
            )

    def _decline_upgrade(self) -> None:
        """Answer as if no other protocol had been asked for (RFC 9110 §7.8), but for a body: the parser gives none."""
        self._is_unreadable = True
        has_body = any(
            name in {b"content-length", b"transfer-encoding"} and value != b"0" for name, value in self.headers
        )
        if has_body and self._serving is self.cycle:
            self._refuse(HTTPStatus.BAD_REQUEST, self.cycle)
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

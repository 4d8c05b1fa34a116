"""The way from HTTP to a WebSocket."""

import sys
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api import log_events
from api.domain.errors import ErrorCode


class ChatHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with an upgrade that loses no byte and no warning of a full buffer."""

    _segment = b""

    def data_received(self, data: bytes) -> None:
        self._segment = data
        super().data_received(data)
        self._segment = b""

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read as HTTP."""
        code = ErrorCode.BAD_REQUEST
        log_events.HTTP_REFUSED.emit(code=code.value, status=400, client=self.client[0] if self.client else "")
        super().send_400_response(msg)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, and with it what came behind the request in the same read (uvicorn drops that).

        An upgrade behind a request whose answer is not sent yet ends the connection: that answer would be written
        into the frames, and a transport that has already paused its writer does not tell the next protocol.
        """
        last = cast("RequestResponseCycle | None", self.cycle)
        if self.flow.write_paused or (last is not None and not last.response_complete):
            self.transport.abort()
            return
        upgrade = sys.exception()  # uvicorn calls from inside its `except HttpParserUpgrade`
        assert isinstance(upgrade, httptools.HttpParserUpgrade)  # noqa: S101 - a test holds uvicorn to it
        super().handle_websocket_upgrade()
        rest = self._segment[upgrade.args[0] :]
        if rest:
            self.transport.get_protocol().data_received(rest)  # type: ignore[attr-defined]

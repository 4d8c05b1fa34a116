"""Opening a WebSocket: where to, with which credential, and what a refusal means."""

import asyncio
import contextlib
import json
import logging
import ssl
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from chat_client.errors import BadAnswerError, HandshakeRefusedError, ServerUnreachableError
from chat_client.http import USER_AGENT

Way = Literal["header", "subprotocol", "ticket"]

PROTOCOL = "chat.v1"

# The contract bounds the server's frames at 1 MiB; a little more than that is not worth losing a connection over.
_MAX_FRAME_BYTES = 2 * 1024 * 1024
_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves who connects: an access token, or for `ticket` a ticket."""

    way: Way
    secret: str

    def __repr__(self) -> str:
        return f"Credential({self.way!r}, …)"


class _Connect(connect):
    # A redirect would carry the credential to another address, and the contract knows none.
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _NoHeaders(logging.LoggerAdapter[logging.Logger]):
    """Keeps the library from writing the handshake's headers, which hold the token, at level DEBUG."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name is the base class's
        return level > logging.DEBUG and super().isEnabledFor(level)


async def open_websocket(server: str, credential: Credential, *, tls: ssl.SSLContext | None = None) -> ClientConnection:
    """Open `/v1/ws` of `server`.

    Raises:
        HandshakeRefusedError: the server said no.
        ServerUnreachableError: it said nothing, for 10 s at most.
        BadAnswerError: what answered does not speak this protocol.
    """
    headers: dict[str, str] = {}
    subprotocols = [Subprotocol(PROTOCOL)]
    url = socket_url(server)
    match credential.way:
        case "header":
            headers["Authorization"] = f"Bearer {credential.secret}"
        case "subprotocol":
            subprotocols.append(Subprotocol(f"bearer.{credential.secret}"))
        case "ticket":
            url += f"?ticket={quote(credential.secret, safe='')}"
    options: dict[str, Any] = {} if tls is None else {"ssl": tls}
    try:
        socket = await _Connect(
            url,
            subprotocols=subprotocols,
            additional_headers=headers,
            user_agent_header=USER_AGENT,
            compression=None,
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            ping_interval=None,  # silence is measured by the server's heartbeats
            max_size=_MAX_FRAME_BYTES,
            logger=_NoHeaders(logging.getLogger(__name__), {}),
            **options,
        )
    except InvalidStatus as error:
        answer = error.response
        body: object = None
        with contextlib.suppress(ValueError, RecursionError):
            body = json.loads(bytes(answer.body))
        # Lower-cased by hand: looking a header up raises where a proxy has doubled it.
        told = {name.lower(): value for name, value in answer.headers.raw_items()}
        # `from None`: the context holds the request, and so the token.
        raise HandshakeRefusedError.from_response(answer.status_code, told, body) from None
    except (OSError, EOFError, InvalidHandshake) as error:
        # InvalidHandshake: among them a connection cut in the middle, as happens while a server ends.
        raise ServerUnreachableError(f"{server}: {str(error) or type(error).__name__}") from error
    except InvalidURI as error:
        raise BadAnswerError(str(error)) from error
    if socket.subprotocol != PROTOCOL:
        await close_websocket(socket)
        raise BadAnswerError(f"the server chose the protocol {socket.subprotocol!r} instead of {PROTOCOL!r}")
    return socket


async def close_websocket(socket: ClientConnection) -> None:
    """Close within 2 s, cleanly if the server takes part, else by cutting; also while being cancelled."""
    try:
        await socket.close()
    except asyncio.CancelledError:
        socket.transport.abort()
        raise


def socket_url(server: str) -> str:
    """Turn the address of a server into that of its WebSocket."""
    parts = urlsplit(server)
    scheme = {"http": "ws", "https": "wss"}[parts.scheme]
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/v1/ws", "", ""))

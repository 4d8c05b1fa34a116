"""`/v1/ws`: handshake, upgrade, and the connection until it is lost."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import uuid_utils
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from api import log_events
from api.broadcast.flusher import Flusher
from api.broadcast.wire import Wire
from api.dependencies import client_address, resources_of
from api.domain.errors import ChatError, ErrorCode, not_found
from api.domain.models import Room
from api.domain.text import BODY_CHARS
from api.middleware.context import bind_connection
from api.middleware.rate_limit import HandshakeLimits, MessageLimits
from api.middleware.validation import parse_command
from api.protocol import frames
from api.protocol.problems import CloseCode
from api.resources import Resources
from api.ws.asgi_wire import AsgiWire
from api.ws.commands import KNOWN_TYPES, CommandContext, command_adapter
from api.ws.connection import SocketConnection
from api.ws.deadlines import Pace
from api.ws.handshake import Admission, Handshake, check_way_in
from api.ws.parts import ConnectionParts
from api.ws.slots import ConnectionSlots

JOIN_TIMEOUT_S: Final = 30.0

_CLOSE_CODES = {
    ErrorCode.SESSION_REVOKED: CloseCode.SESSION_REVOKED,
    ErrorCode.ACCOUNT_SUSPENDED: CloseCode.ACCOUNT_SUSPENDED,
    ErrorCode.TOKEN_EXPIRED: CloseCode.TOKEN_EXPIRED,
}


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """The plain values that sockets go by."""

    allowed_origins: Sequence[str]
    outbox_frames: int
    outbox_bytes: int
    pace: Pace


class SocketEndpoint:
    """Serve `/v1/ws`.

    Args:
        slots: shared with the route of the tickets, which refuses what a handshake would be refused.
        message_limits: shared with the routes that send messages.
    """

    def __init__(
        self,
        settings: SocketSettings,
        *,
        slots: ConnectionSlots,
        handshake_limits: HandshakeLimits,
        message_limits: MessageLimits,
    ) -> None:
        self._settings = settings
        self._slots = slots
        self._handshake_limits = handshake_limits
        self._message_limits = message_limits
        self._flusher = Flusher()
        self._parse = partial(parse_command, command_adapter(), KNOWN_TYPES)

    async def serve(self, websocket: WebSocket) -> None:
        """Let a client in and serve it until its socket is gone.

        Raises:
            ChatError: the handshake is refused; the answer is an ordinary problem document.
        """
        resources = resources_of(websocket)
        handshake = Handshake(
            authenticator=resources.authenticator,
            tickets=resources.tickets,
            slots=self._slots,
            limits=self._handshake_limits,
            allowed_origins=self._settings.allowed_origins,
            is_draining=lambda: resources.is_draining,
        )
        admission = await handshake.admit(websocket)
        # The drain may have begun while tokens and tickets were looked at.
        self.check(websocket)
        with self._slots.take(admission.principal.user.id):
            await websocket.accept(admission.subprotocol)
            await self._carry(websocket, resources, admission)

    async def refuse_elsewhere(self, _websocket: WebSocket) -> None:
        """Answer an upgrade on any other path.

        Raises:
            ChatError: `not_found`.
        """
        raise not_found("page")

    def check(self, connection: HTTPConnection) -> None:
        """Refuse a request for a ticket where the handshake would be refused now.

        Raises:
            ChatError: `draining`, `origin_not_allowed`.
        """
        is_draining = resources_of(connection).is_draining
        check_way_in(connection, self._settings.allowed_origins, is_draining=is_draining)

    async def _carry(self, websocket: WebSocket, resources: Resources, admission: Admission) -> None:
        offered = cast(Wire | None, websocket.scope.get("extensions", {}).get("chat.wire"))
        if offered is not None:
            await self._serve_live(websocket, resources, admission, offered)
            return
        plain = AsgiWire(websocket)
        carrying = asyncio.create_task(plain.run())
        try:
            await self._serve_live(websocket, resources, admission, plain)
        except asyncio.CancelledError:
            plain.abort()
            raise
        finally:
            await carrying

    async def _serve_live(self, websocket: WebSocket, resources: Resources, admission: Admission, wire: Wire) -> None:
        try:
            await self._run(websocket, resources, admission, wire)
        except Exception as error:  # noqa: BLE001 - the last resort: nothing above could tell the client
            log_events.WS_FAILED.emit(step="connect", exc_info=error)
            wire.close(CloseCode.INTERNAL_ERROR, CloseCode.INTERNAL_ERROR.reason, self._settings.pace.stall_s)

    async def _run(self, websocket: WebSocket, resources: Resources, admission: Admission, wire: Wire) -> None:
        principal = admission.principal
        connection_id = str(uuid_utils.uuid7())
        bind_connection(connection_id, principal.user.id)
        started_s = time.monotonic()
        connection = SocketConnection(
            connection_id,
            principal.user,
            principal.session_id,
            principal.expires_at_ms,
            client=client_address(websocket),
            wire=wire,
            parts=self._parts(resources),
            on_lost=partial(_forget, resources),
        )
        resources.hub.register(connection)
        resources.stats.connections_opened += 1
        try:
            connection.hold_reading()
            wire.start(connection)
            if resources.is_draining:
                # It began between the last check and the registration, and knows nothing of this connection.
                connection.close(CloseCode.DRAINING)
            await self._join(connection, resources, admission, websocket)
            ending = await connection.lost
            resources.stats.connection_ended(ending)
        finally:
            _forget(resources, connection)
        log_events.WS_DISCONNECTED.emit(
            code=ending.code,
            reason=ending.reason,
            ended_by=ending.by,
            seconds=round(time.monotonic() - started_s, 3),
            frames_in=connection.frames_in,
            frames_out=connection.outbox.frames_out,
            bytes_in=connection.bytes_in,
            bytes_out=connection.outbox.bytes_out,
        )

    async def _join(
        self, connection: SocketConnection, resources: Resources, admission: Admission, websocket: WebSocket
    ) -> None:
        async def check() -> None:
            found = await resources.authenticator.look_again(connection.session_id)
            if isinstance(found, ErrorCode):
                raise ChatError(found, "The session has ended.")

        def welcome(rooms: Sequence[Room]) -> bytes:
            log_events.WS_CONNECTED.emit(
                session_id=connection.session_id,
                client=client_address(websocket),
                user_agent=websocket.headers.get("user-agent", ""),
                auth=admission.way,
                rooms=len(rooms),
            )
            return self._welcome(connection, resources, rooms)

        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                await resources.manager.join(connection, check=check, welcome=welcome)
        except ChatError as error:
            connection.close(_CLOSE_CODES.get(error.code, CloseCode.INTERNAL_ERROR))
        except Exception as error:  # noqa: BLE001 - the socket must not hang between two states
            connection.break_off("join", error)
        else:
            connection.go_live()

    def _welcome(self, connection: SocketConnection, resources: Resources, rooms: Sequence[Room]) -> bytes:
        limit = self._message_limits.messages
        return frames.welcome(
            connection.id,
            connection.user,
            now_ms=resources.clock_ms(),
            heartbeat_ms=round(self._settings.pace.heartbeat_s * 1000),
            token_expires_at_ms=connection.deadlines.expires_at_ms,
            limits={
                "frame_bytes": frames.CLIENT_FRAME_BYTES_MAX,
                "body_chars": BODY_CHARS[1],
                "messages": None if limit is None else {"count": limit.count, "window_seconds": limit.period_s},
            },
            rooms=rooms,
        )

    def _parts(self, resources: Resources) -> ConnectionParts:
        return ConnectionParts(
            parse=self._parse,
            limits=self._message_limits,
            flusher=self._flusher,
            context=CommandContext(resources.messages, resources.authenticator, resources.clock_ms),
            pace=self._settings.pace,
            outbox_frames=self._settings.outbox_frames,
            outbox_bytes=self._settings.outbox_bytes,
            stall_s=self._settings.pace.stall_s,
            stats=resources.stats,
        )


def _forget(resources: Resources, connection: SocketConnection) -> None:
    if resources.hub.unregister(connection):
        outbox = connection.outbox
        resources.stats.connection_lost(dropped=outbox.dropped, frames_high_water=outbox.frames_high_water)
    resources.manager.leave(connection)

"""Connections that keep what they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from api.broadcast.flusher import Flusher
from api.broadcast.outbox import Outbox
from api.broadcast.wire import Sink
from api.domain.errors import ChatError
from api.domain.models import Message, User
from api.protocol import frames
from api.protocol.problems import CloseCode

Frame = dict[str, Any]


class RecordingWire:
    """A wire whose peer takes everything, as long as it is writable."""

    def __init__(self) -> None:
        self.is_writable = True
        self.buffered_bytes = 0
        self.writes: list[list[bytes]] = []

    @property
    def sent(self) -> list[bytes]:
        """The payloads in their order."""
        return [payload for write in self.writes for payload in write]

    def start(self, sink: Sink) -> None:
        """Do nothing."""

    def write(self, payloads: Sequence[bytes]) -> None:
        """Keep what is written."""
        self.writes.append(list(payloads))

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def ping(self) -> None:
        """Do nothing."""

    def close(self, code: int, reason: str, grace_s: float) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""


class RecordingConnection:
    """Implements `broadcast.base.Connection`."""

    def __init__(self, connection_id: str, user: User, session_id: str, *, frames_max: int = 1_000_000) -> None:
        self.id = connection_id
        self.user = user
        self.session_id = session_id
        self.is_live = False
        self.room_ids: set[str] = set()
        self.wire = RecordingWire()
        self.outbox = Outbox(
            self.wire,
            Flusher(),
            frames_max=frames_max,
            bytes_max=2**40,
            on_overflow=self._overflow,
            on_fault=lambda error: self.break_off("send", error),
        )
        self.closed_with: CloseCode | None = None
        self.overflows = 0
        self.faults: list[tuple[str, Exception]] = []
        # What a server does when the socket is gone; set by who registers the connection.
        self.on_lost: Callable[[], None] = lambda: None

    @property
    def frames(self) -> list[Frame]:
        """What the client has been sent."""
        return [json.loads(payload) for payload in self.wire.sent]

    def close(self, code: CloseCode) -> None:
        """End; the transport is gone at the next turn of the loop."""
        if self.closed_with is None:
            self.closed_with = code
            self.outbox.flush()
            self.outbox.close()

    def break_off(self, step: str, error: Exception) -> None:
        """Keep what broke, and end."""
        self.faults.append((step, error))
        self.outbox.close()
        self.close(CloseCode.INTERNAL_ERROR)

    def lose(self) -> None:
        """Lose the line."""
        self.outbox.close()
        self.on_lost()

    def tick(self, now_s: float, now_ms: int) -> None:
        """Have no deadlines."""

    async def drain(self, reconnect_after_ms: int) -> None:
        """Close."""
        self.close(CloseCode.DRAINING)

    def _overflow(self) -> None:
        self.overflows += 1
        self.close(CloseCode.SLOW_CONSUMER)


class RecordingOrigin:
    """Implements `broadcast.base.Origin`: answers on the connection, and counts its answers."""

    def __init__(self, connection: RecordingConnection | None, command_id: str) -> None:
        self.connection = connection
        self.command_id = command_id
        self.settled: list[tuple[Message, bool]] = []
        self.failed: list[ChatError] = []

    @property
    def answers(self) -> int:
        """Count the answers."""
        return len(self.settled) + len(self.failed)

    def settle(self, message: Message, *, duplicate: bool) -> None:
        """Send the ack."""
        self.settled.append((message, duplicate))
        if self.connection is not None:
            self.connection.outbox.push(frames.message_ack(self.command_id, message, duplicate=duplicate))

    def fail(self, error: ChatError) -> None:
        """Send the error."""
        self.failed.append(error)
        if self.connection is not None:
            self.connection.outbox.push(frames.error(self.command_id, error))

"""Connections over wires that are none, on a node with a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from api.broadcast.flusher import Flusher
from api.broadcast.hub import Hub
from api.broadcast.manager import BroadcastManager
from api.broadcast.memory import MemoryBroker
from api.broadcast.stats import NodeStats
from api.broadcast.wire import Sink
from api.domain.models import Session, User
from api.middleware.rate_limit import MessageLimits
from api.middleware.validation import parse_command
from api.security.tokens import AccessTokens
from api.services.authentication import Authenticator
from api.services.messages import Messages
from api.ws.commands import KNOWN_TYPES, CommandContext, command_adapter
from api.ws.connection import SocketConnection
from api.ws.deadlines import Pace
from api.ws.parts import ConnectionParts
from tests.unit.store.scene import Scene, new_id, open_scene

WAIT_S = 10.0
PACE = Pace(heartbeat_s=25, pong_s=20, stall_s=5, token_warning_s=60)
LIFE_MS = 900_000
CLIENT = "192.0.2.1"

Frame = dict[str, Any]


class FakeWire:
    """A wire whose peer takes everything while it is writable; nothing may be written behind the close."""

    def __init__(self) -> None:
        self.is_writable = True
        self.buffered_bytes = 0
        self.writes: list[list[bytes]] = []
        self.pings = 0
        self.closes = 0
        self._end: tuple[int, str, float] | None = None
        self._reads = True
        self._is_held = asyncio.Event()
        self._has_written = asyncio.Event()

    def start(self, sink: Sink) -> None:
        """Do nothing."""

    def write(self, payloads: Sequence[bytes]) -> None:
        """Keep what is written."""
        assert self.is_writable, "written while the transport is full"
        assert self._end is None, "written behind the close"
        self.writes.append(list(payloads))
        self._has_written.set()

    def pause_reading(self) -> None:
        """Note it."""
        self._reads = False
        self._is_held.set()

    def resume_reading(self) -> None:
        """Note it."""
        self._reads = True

    def ping(self) -> None:
        """Count it."""
        self.pings += 1

    def close(self, code: int, reason: str, grace_s: float) -> None:
        """Note the first one."""
        self.closes += 1
        self._end = self._end or (code, reason, grace_s)

    def abort(self) -> None:
        """Do nothing."""

    def reads(self) -> bool:
        """Tell whether frames are wanted."""
        return self._reads

    async def holds(self) -> None:
        """Wait until no frames are wanted."""
        async with asyncio.timeout(WAIT_S):
            while self._reads:
                self._is_held.clear()
                await self._is_held.wait()

    def end(self) -> tuple[int, str, float] | None:
        """Tell how it was closed: code, reason, grace; None while it is open."""
        return self._end

    @property
    def frames(self) -> list[Frame]:
        """What the client has got."""
        return [json.loads(payload) for write in self.writes for payload in write]

    async def get(self, count: int) -> list[Frame]:
        """Wait until the client has got so many frames."""
        async with asyncio.timeout(WAIT_S):
            while len(self.frames) < count:
                self._has_written.clear()
                await self._has_written.wait()
        return self.frames


@dataclass
class Desk:
    """A node, and ada and bob in one room."""

    scene: Scene
    hub: Hub
    manager: BroadcastManager
    messages: Messages
    tokens: AccessTokens
    authenticator: Authenticator
    ada: User
    bob: User
    room: str
    stats: NodeStats
    lost: list[SocketConnection] = field(default_factory=list)

    def connection(
        self,
        user: User | None = None,
        *,
        limits: MessageLimits | None = None,
        frames_max: int = 512,
        bytes_max: int = 2**20,
        life_ms: int = LIFE_MS,
    ) -> tuple[SocketConnection, FakeWire]:
        """Make a connection that has not joined yet."""
        wire = FakeWire()
        owner = user or self.ada
        parts = ConnectionParts(
            parse=partial(parse_command, command_adapter(), KNOWN_TYPES),
            limits=limits or MessageLimits(messages=None, history=None, commands=None, stats=self.stats),
            flusher=Flusher(),
            context=CommandContext(self.messages, self.authenticator, self.scene.clock),
            pace=PACE,
            outbox_frames=frames_max,
            outbox_bytes=bytes_max,
            stall_s=PACE.stall_s,
            stats=self.stats,
        )
        made = SocketConnection(
            new_id(),
            owner,
            new_id(),
            self.scene.clock.now_ms + life_ms,
            client=CLIENT,
            wire=wire,
            parts=parts,
            on_lost=self._forget,
        )
        self.hub.register(made)
        made.hold_reading()
        return made, wire

    async def live(self, user: User | None = None, **parts: Any) -> tuple[SocketConnection, FakeWire]:  # noqa: ANN401
        """Make a connection that has been welcomed."""
        made, wire = self.connection(user, **parts)
        await self.manager.join(made, check=_fine, welcome=lambda _rooms: b'{"type": "welcome"}')
        made.go_live()
        await wire.get(1)
        wire.writes.clear()
        return made, wire

    async def session(self, user: User) -> str:
        """Log somebody in."""
        session = Session(new_id(), user.id, 0, 0, self.scene.clock.now_ms + 10**9, "")
        await self.scene.store.write(lambda unit: unit.sessions.insert(session))
        return session.id

    def _forget(self, connection: SocketConnection) -> None:
        self.lost.append(connection)
        self.hub.unregister(connection)
        self.manager.leave(connection)


async def _fine() -> None:
    pass


def text(frame: object) -> bytes:
    """Write a frame as a client does."""
    return json.dumps(frame).encode()


def receive(connection: SocketConnection, command_type: str, command_id: str = "c1", **fields: object) -> None:
    """Let a command come in."""
    connection.frame_received(text({"type": command_type, "id": command_id, **fields}), text=True)


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    """Open it on a database in this folder."""
    async with open_scene(folder) as scene:
        hub, stats = Hub(), NodeStats()
        manager = BroadcastManager(store=scene.store, broker=MemoryBroker(), hub=hub, stats=stats)
        scene.store.on_committed = manager.committed
        ada, bob = await scene.user("ada"), await scene.user("bob")
        room = await scene.room(ada, bob)
        tokens = AccessTokens(["a secret of this test, which guards nothing"], life_seconds=900, clock_ms=scene.clock)
        authenticator = Authenticator(scene.store, tokens, clock_ms=scene.clock)
        messages = Messages(scene.store, manager, new_id=new_id)
        yield Desk(scene, hub, manager, messages, tokens, authenticator, ada, bob, room, stats)

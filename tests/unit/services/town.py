"""Rooms with people of every standing in them, and the services over a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from structlog.testing import capture_logs

from api.broadcast.hub import Hub
from api.broadcast.manager import BroadcastManager
from api.broadcast.memory import MemoryBroker
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError
from api.domain.events import EventType
from api.domain.models import Role, RoomInfo, User, Visibility
from api.services.members import Members
from api.services.messages import Messages
from api.services.rooms import Rooms
from api.store.snapshot import Unit
from tests.unit.broadcast.connections import RecordingConnection
from tests.unit.store.scene import Scene, add, new_id, open_scene

PEOPLE: Final = ("owner", "moderator", "member", "stranger", "banned", "admin")
ROOMS_MAX: Final = 20


@dataclass
class Town:
    """`public` and `private` have an owner, a moderator, a member and a banned one; `general` has all but an owner."""

    scene: Scene
    hub: Hub
    manager: BroadcastManager
    rooms: Rooms
    members: Members
    messages: Messages
    people: dict[str, User]
    stats: NodeStats
    public: str = ""
    private: str = ""
    general: str = ""
    logs: list[Any] = field(default_factory=list)

    def __getitem__(self, name: str) -> User:
        """Find somebody."""
        return self.people[name]

    def room(self, visibility: str) -> str:
        """Find a room."""
        return {"public": self.public, "private": self.private, "general": self.general}[visibility]

    async def outcome(self, work: Coroutine[Any, Any, object]) -> str:
        """Do something; give `ok`, or the code of the refusal."""
        try:
            with capture_logs() as logs:
                await work
        except ChatError as refused:
            return refused.code.value
        self.logs += logs
        return "ok"

    async def types(self, room_id: str, after_seq: int = 0) -> list[str]:
        """List the types of a room's events."""
        return [event.type.value for event in await self.scene.log(room_id, after_seq=after_seq)]

    async def last_seq(self, room_id: str) -> int:
        """Tell how long a log is."""
        return (await self.scene.store.read(lambda rows: rows.rooms.head(room_id)))[0]

    async def connect(self, name: str) -> RecordingConnection:
        """Let somebody's connection in."""
        made = RecordingConnection(new_id(), self[name], new_id())
        self.hub.register(made)

        async def fine() -> None:
            pass

        await self.manager.join(made, check=fine, welcome=lambda _rooms: b'{"type": "welcome"}')
        return made


def _furnish(unit: Unit, room: RoomInfo, people: dict[str, User], *, is_default: bool) -> None:
    unit.rooms.insert(room, epoch="e1", now_ms=unit.now_ms, is_default=is_default)
    unit.append(room.id, EventType.ROOM_CREATED, None if is_default else people["owner"].ref, room=room)
    roles = {"owner": Role.OWNER, "moderator": Role.MODERATOR, "member": Role.MEMBER}
    if is_default:
        roles |= {"owner": Role.MEMBER, "stranger": Role.MEMBER, "admin": Role.MEMBER}
    for name, role in roles.items():
        if name == "owner" and not is_default:
            unit.members.add(room.id, people[name].id, role, read_seq=1, now_ms=unit.now_ms)
        else:
            add(unit, room.id, people[name], role)
    unit.members.ban(room.id, people["banned"].id, people["owner"].id, reason="noise", now_ms=unit.now_ms)


@asynccontextmanager
async def open_town(folder: Path) -> AsyncIterator[Town]:
    """Open a database in this folder and fill it."""
    async with open_scene(folder) as scene:
        hub, stats = Hub(), NodeStats()
        manager = BroadcastManager(store=scene.store, broker=MemoryBroker(), hub=hub, stats=stats)
        scene.store.on_committed = manager.committed
        people = {name: await scene.user(name, is_admin=name == "admin") for name in PEOPLE}
        rooms = Rooms(scene.store, manager, new_id=new_id, new_epoch=lambda: "e1", rooms_per_user_max=ROOMS_MAX)
        members = Members(scene.store, manager, rooms_per_user_max=ROOMS_MAX)
        messages = Messages(scene.store, manager, new_id=new_id)
        town = Town(scene, hub, manager, rooms, members, messages, people, stats)
        town.public, town.private, town.general = new_id(), new_id(), new_id()

        def job(unit: Unit) -> None:
            for room_id, visibility in ((town.public, Visibility.PUBLIC), (town.private, Visibility.PRIVATE)):
                _furnish(unit, RoomInfo(room_id, visibility.value, "", visibility), people, is_default=False)
            _furnish(unit, RoomInfo(town.general, "general", "", Visibility.PUBLIC), people, is_default=True)

        await scene.store.write(job)
        yield town

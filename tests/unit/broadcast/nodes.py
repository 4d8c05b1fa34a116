"""Nodes in one process: each with its hub, manager and services, all on one database and one broker."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uuid_utils

from api.broadcast.hub import Hub
from api.broadcast.manager import BroadcastManager
from api.broadcast.memory import MemoryBroker
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError
from api.domain.events import EventType
from api.domain.models import Role, Room, RoomInfo, User, UserRole, Visibility
from api.protocol.codec import encode
from api.protocol.frames import room_object
from api.protocol.problems import CloseCode
from api.services.members import Members
from api.services.messages import Messages
from api.services.rooms import Rooms
from api.store.snapshot import Unit
from tests.unit.broadcast.chaos import ChaosBroker
from tests.unit.broadcast.connections import RecordingConnection, RecordingOrigin
from tests.unit.broadcast.stage import Stage
from tests.unit.broadcast.stores import NOW_MS, Database, StagedStore, StagedWriter
from tests.unit.broadcast.views import RoomLog, View


def new_id() -> str:
    """Make an id."""
    return str(uuid_utils.uuid7())


@dataclass
class Node:
    """One server process, as far as it matters here."""

    name: str
    store: StagedStore
    hub: Hub
    manager: BroadcastManager
    rooms: Rooms
    members: Members
    messages: Messages


class Cluster:
    """Several nodes, the people on them, and everything that their connections were sent."""

    def __init__(self, database: Database, stage: Stage, *, nodes: int, loss: float = 0.4) -> None:
        self.database = database
        self.stage = stage
        self.writer = StagedWriter(database, stage)
        self.connections: list[RecordingConnection] = []
        self.lost: set[RecordingConnection] = set()
        self.origins: list[RecordingOrigin] = []
        # Every room that was made, or would have been.
        self.room_ids: list[str] = []
        self._numbers = itertools.count(1)
        broker = MemoryBroker()
        self.nodes = [self._node(f"node {number}", broker, loss) for number in range(1, nodes + 1)]

    def _node(self, name: str, broker: MemoryBroker, loss: float) -> Node:
        store = StagedStore(self.database, self.writer, self.stage, name)
        hub = Hub()
        chaos = ChaosBroker(broker, self.stage, name, loss=loss)
        manager = BroadcastManager(store=store, broker=chaos, hub=hub, stats=NodeStats())
        store.on_committed = manager.committed
        rooms = Rooms(store, manager, new_id=self._new_room_id, new_epoch=lambda: "e1", rooms_per_user_max=200)
        members = Members(store, manager, rooms_per_user_max=200)
        return Node(name, store, hub, manager, rooms, members, Messages(store, manager, new_id=new_id))

    # --- the world as it was before: no listener is told

    def people(self, count: int, *, is_admin: bool = False) -> list[User]:
        """Add users."""
        role = UserRole.ADMIN if is_admin else UserRole.USER
        made = []
        for _ in range(count):
            user_id = new_id()
            made.append(User(user_id, f"u{user_id[-12:]}", f"User {user_id[-4:]}", role, NOW_MS))

        def job(unit: Unit) -> None:
            for user in made:
                unit.users.insert(user, None)

        self.database.run(job)
        return made

    def room(self, owner: User, *members: User) -> str:
        """Add a public room with these members."""
        room_id = self._new_room_id()
        self.database.run(lambda unit: make_room(unit, room_id, owner, members))
        return room_id

    def _new_room_id(self) -> str:
        self.room_ids.append(new_id())
        return self.room_ids[-1]

    # --- connections

    async def connect(
        self,
        node: Node,
        user: User,
        *,
        check: Callable[[], None] = lambda: None,
        connection: RecordingConnection | None = None,
    ) -> RecordingConnection:
        """Let a connection in, as the endpoint does; returns when it is live or closed."""
        made = connection or self.connection(user)
        self.connections.append(made)

        def forget() -> None:
            self.lost.add(made)
            node.hub.unregister(made)
            node.manager.leave(made)

        async def staged_check() -> None:
            check()
            await self.stage.stand(f"{node.name}: check")

        made.on_lost = forget
        node.hub.register(made)
        try:
            await node.manager.join(made, check=staged_check, welcome=welcome)
        except ChatError:
            made.close(made.closed_with or CloseCode.INTERNAL_ERROR)
        if made in self.lost or made.closed_with is not None:
            forget()
        return made

    def connection(self, user: User) -> RecordingConnection:
        """Make a connection."""
        return RecordingConnection(f"c{next(self._numbers)}", user, f"s{next(self._numbers)}")

    def send(
        self, node: Node, user: User, room_id: str, connection: RecordingConnection | None, *, key: str | None = None
    ) -> RecordingOrigin:
        """Send a message over a connection (None: over REST)."""
        number = next(self._numbers)
        origin = RecordingOrigin(connection, f"m{number}")
        self.origins.append(origin)
        node.messages.send(user, room_id, f"message {number}", key, origin)
        return origin

    # --- the end

    async def quiesce(self) -> None:
        """Let everything happen that is under way, then let every node compare itself with the store, twice."""
        for node in self.nodes:
            node.store.failures = 0
        await self.stage.take_all()
        for _ in range(2):
            for node in self.nodes:
                checking = self.stage.spawn(node.manager.check_rooms())
                await self.stage.settle()
                await self.stage.take_all()
                assert checking.done()
        await self.stage.finish()

    def log(self, room_id: str) -> RoomLog:
        """Read a room's whole log."""
        return RoomLog(room_id, self.database.read(lambda rows: rows.log.events(room_id, after_seq=0, limit=10_000)))

    def check(self) -> int:
        """Hold what everybody saw against the logs; returns how many events that were."""
        logs = {room_id: self.log(room_id) for room_id in self.room_ids}
        seen = 0
        for connection in self.connections:
            view = View(connection, logs)
            seen += len(view.seen)
            if connection not in self.lost and connection.closed_with is None:
                view.finish()
        for origin in self.origins:
            assert origin.answers == 1, f"{origin.command_id} has {origin.answers} answers"
            for message, _duplicate in origin.settled:
                event = logs[message.room_id].event(message.seq)
                assert event.message is not None
                assert event.message.id == message.id, "acknowledged and not in the log"
        for node in self.nodes:
            assert not node.manager._origins, "somebody waits for ever"
        return seen


def make_room(unit: Unit, room_id: str, owner: User, members: Sequence[User]) -> None:
    """Add a public room with its log."""
    room = RoomInfo(room_id, f"room {new_id()}", "", Visibility.PUBLIC)
    unit.rooms.insert(room, epoch="e1", now_ms=unit.now_ms)
    unit.append(room.id, EventType.ROOM_CREATED, owner.ref, room=room)
    unit.members.add(room.id, owner.id, Role.OWNER, read_seq=1, now_ms=unit.now_ms)
    for member in members:
        event = unit.append(room.id, EventType.MEMBER_JOINED, member.ref, user=member.ref, role=Role.MEMBER)
        unit.members.add(room.id, member.id, Role.MEMBER, read_seq=event.seq, now_ms=unit.now_ms)


def welcome(rooms: Sequence[Room]) -> bytes:
    """Write the first frame."""
    return encode({"type": "welcome", "rooms": [room_object(room) for room in rooms]})

"""Nodes in one process: each with its hub, manager and services, all on one database and one broker."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import uuid_utils

from api.broadcast.hub import Hub
from api.broadcast.manager import BroadcastManager
from api.broadcast.memory import MemoryBroker
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.domain.events import EventType
from api.domain.models import Role, Room, RoomInfo, Session, User, UserRole, Visibility
from api.protocol.codec import encode
from api.protocol.frames import room_object
from api.protocol.problems import CloseCode
from api.security.tokens import AccessTokens
from api.services.authentication import Authenticator
from api.services.members import Members
from api.services.messages import Messages
from api.services.rooms import Rooms
from api.services.sessions import Sessions
from api.services.upkeep import Upkeep
from api.store.snapshot import Unit
from tests.unit.broadcast.chaos import ChaosBroker
from tests.unit.broadcast.connections import RecordingConnection, RecordingOrigin
from tests.unit.broadcast.stage import Stage
from tests.unit.broadcast.stores import NOW_MS, Database, StagedStore, StagedWriter
from tests.unit.broadcast.views import RoomLog, View

_CLOSE_CODES = {
    ErrorCode.SESSION_REVOKED: CloseCode.SESSION_REVOKED,
    ErrorCode.ACCOUNT_SUSPENDED: CloseCode.ACCOUNT_SUSPENDED,
}


def _clock() -> int:
    return NOW_MS


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
    authenticator: Authenticator
    sessions: Sessions
    upkeep: Upkeep

    @property
    def nobody_is_on_the_way_in(self) -> bool:
        """Tell whether no connection and no user is between the store and the stream."""
        joining = self.manager._joining
        return not joining._connections and not joining._users


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
        stats = NodeStats()
        manager = BroadcastManager(store=store, broker=chaos, hub=hub, stats=stats)
        store.on_committed = manager.committed
        rooms = Rooms(store, manager, new_id=self._new_room_id, new_epoch=lambda: "e1", rooms_per_user_max=200)
        members = Members(store, manager, rooms_per_user_max=200)
        messages = Messages(store, manager, new_id=new_id)
        tokens = AccessTokens(["a secret of this test, which guards nothing"], life_seconds=900, clock_ms=_clock)
        authenticator = Authenticator(store, tokens, clock_ms=_clock)
        sessions = Sessions(store, tokens, authenticator, manager, clock_ms=_clock, refresh_life_seconds=2_592_000)
        upkeep = Upkeep(
            store=store,
            hub=hub,
            manager=manager,
            authenticator=authenticator,
            sessions=sessions,
            stats=stats,
            clock_ms=_clock,
        )
        return Node(name, store, hub, manager, rooms, members, messages, authenticator, sessions, upkeep)

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
        self, node: Node, user: User, *, connection: RecordingConnection | None = None, has_session: bool = False
    ) -> RecordingConnection:
        """Let a connection in, as the endpoint does; returns when it is live or closed.

        Args:
            has_session: its session is in the database, and is looked at.
        """
        made = connection or self.connection(user)
        self.connections.append(made)

        def forget() -> None:
            self.lost.add(made)
            node.hub.unregister(made)
            node.manager.leave(made)

        async def check() -> None:
            if not has_session:
                await self.stage.stand(f"{node.name}: check")
                return
            found = (await node.authenticator.recheck([made.session_id]))[made.session_id]
            if isinstance(found, ErrorCode):
                raise ChatError(found, "The session has ended.")

        made.on_lost = forget
        node.hub.register(made)
        try:
            await node.manager.join(made, check=check, welcome=welcome)
        except ChatError as error:
            made.close(_CLOSE_CODES.get(error.code, CloseCode.INTERNAL_ERROR))
        if made in self.lost or made.closed_with is not None:
            forget()
        return made

    def session(self, user: User) -> str:
        """Log somebody in."""
        session = Session(new_id(), user.id, NOW_MS, NOW_MS, NOW_MS + 10**9, "")
        self.database.run(lambda unit: unit.sessions.insert(session))
        return session.id

    def connection(self, user: User, session_id: str = "") -> RecordingConnection:
        """Make a connection."""
        return RecordingConnection(f"c{next(self._numbers)}", user, session_id or new_id())

    def send(
        self,
        node: Node,
        user: User,
        room_id: str,
        connection: RecordingConnection | None,
        *,
        key: str | None = None,
        body: str | None = None,
    ) -> RecordingOrigin:
        """Send a message over a connection (None: over REST); without a body, one that there is not yet."""
        number = next(self._numbers)
        origin = RecordingOrigin(connection, f"m{number}")
        self.origins.append(origin)
        node.messages.send(user, room_id, body or f"message {number}", key, origin)
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

"""Ways into the stream, and what may happen between any two steps of them.

A way in is a connection that joins with all rooms of its user, or a live one that its user's new room is opened to.
It stands before every answer of the database and the broker.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from api.domain.errors import ChatError
from api.domain.models import UserStatus
from api.protocol.problems import CloseCode
from api.services.authentication import Principal
from tests.unit.broadcast.connections import RecordingConnection
from tests.unit.broadcast.nodes import Cluster, Node
from tests.unit.broadcast.stage import Stage, Step
from tests.unit.broadcast.stores import NOW_MS, Database

PLACES_MAX = 60


class Scene:
    """A node where somebody comes in, another one whose hints are all lost, and a room."""

    def __init__(self, database: Database) -> None:
        self.stage = Stage()
        self.cluster = Cluster(database, self.stage, nodes=2, loss=1.0)
        self.here, self.there = self.cluster.nodes
        self.owner, self.user, self.guest = self.cluster.people(3)
        self.room = ""
        self.connection = self.cluster.connection(self.user, self.cluster.session(self.user))

    async def done(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something from its beginning to its end."""
        self.stage.spawn(work)
        await self.stage.take_all()

    def connect(self, connection: RecordingConnection) -> Coroutine[Any, Any, object]:
        return self.cluster.connect(self.here, connection.user, connection=connection, has_session=True)


# --- the ways in: what is to be done before, and the way itself


async def connects(scene: Scene) -> Coroutine[Any, Any, object]:
    scene.room = scene.cluster.room(scene.owner, scene.user)
    return scene.connect(scene.connection)


async def is_let_into_a_room(scene: Scene) -> Coroutine[Any, Any, object]:
    scene.room = scene.cluster.room(scene.owner)
    await scene.done(scene.connect(scene.connection))
    return scene.here.members.put(scene.user, scene.room, scene.user.id, None)


# --- the room on this node when the way in begins


async def nobody_is_in_it(scene: Scene) -> None:
    """The room is not followed."""


async def somebody_is_in_it(scene: Scene) -> None:
    """The room is followed."""
    await scene.done(scene.connect(scene.cluster.connection(scene.owner, scene.cluster.session(scene.owner))))


async def it_has_a_hole(scene: Scene) -> None:
    """The room is followed, and this node has not heard of its newest messages."""
    await somebody_is_in_it(scene)
    for _ in range(2):
        await sends(scene, scene.there)
    await scene.stage.take_all()


# --- what happens


async def sends(scene: Scene, node: Node) -> None:
    scene.cluster.send(node, scene.owner, scene.room, None)


async def guest_joins(scene: Scene, node: Node) -> None:
    await node.members.put(scene.guest, scene.room, scene.guest.id, None)


async def joins_another_room(scene: Scene, node: Node) -> None:
    another_room = scene.cluster.room(scene.guest)
    await node.members.put(scene.user, another_room, scene.user.id, None)


async def leaves(scene: Scene, node: Node) -> None:
    await node.members.remove(scene.user, scene.room, scene.user.id)


async def leaves_and_comes_back(scene: Scene, node: Node) -> None:
    await node.members.remove(scene.user, scene.room, scene.user.id)
    await node.members.put(scene.user, scene.room, scene.user.id, None)


async def is_banned(scene: Scene, node: Node) -> None:
    await node.members.ban(scene.owner, scene.room, scene.user.id, reason="")


async def room_is_deleted(scene: Scene, node: Node) -> None:
    await node.rooms.delete(scene.owner, scene.room)


async def logs_out(scene: Scene, node: Node) -> None:
    principal = Principal(scene.user, scene.connection.session_id, NOW_MS + 10**9)
    await node.sessions.log_out(principal)


async def is_suspended(scene: Scene, node: Node) -> None:
    """An operator's command is another process, whose commit each node notices by itself."""
    scene.cluster.database.run(lambda unit: unit.users.set_status(scene.user.id, UserStatus.SUSPENDED))
    node.authenticator.invalidate_all()
    await node.upkeep.check_sessions()


async def line_is_lost(scene: Scene, _node: Node) -> None:
    scene.connection.lose()


Happening = Callable[[Scene, Node], Coroutine[Any, Any, None]]

ENDS: dict[Happening, CloseCode] = {
    logs_out: CloseCode.SESSION_REVOKED,
    is_suspended: CloseCode.ACCOUNT_SUSPENDED,
}


@dataclass(frozen=True)
class Case:
    """What is tried at every place of a way in.

    `is_told_late`: the commit is done, but its node hears of it only when the way in is over.
    """

    way_in: Callable[[Scene], Awaitable[Coroutine[Any, Any, object]]]
    state: Callable[[Scene], Awaitable[None]]
    happening: Happening
    is_here: bool
    is_told_late: bool

    async def try_everywhere(self, database: Database) -> int:
        """Try it after no step, one step, two steps and so on; returns how many steps the way has."""
        for place in range(PLACES_MAX):
            scene = Scene(database)
            try:
                is_inside = await self.play(scene, place)
                await self.check(scene)
            except AssertionError as error:
                error.add_note(f"after step {place}: {scene.stage.past}")
                raise
            if not is_inside:
                return place
        raise AssertionError("the way never ends")

    async def play(self, scene: Scene, place: int) -> bool:
        """Let it happen after so many steps of the way in; False when the way is over by then."""
        stage, node = scene.stage, scene.here if self.is_here else scene.there
        way = await self.way_in(scene)
        await self.state(scene)
        stage.spawn(way)
        await stage.settle()
        for _ in range(place):
            if steps := stage.open_steps():
                await stage.take(steps[0])
        standing = stage.open_steps()
        stage.spawn(_refusable(self.happening(scene, node)))
        await stage.take_all(keep=lambda step: step in standing or self._is_late(step))
        await stage.take_all(keep=self._is_late)
        await stage.take_all()
        return bool(standing)

    def _is_late(self, step: Step) -> bool:
        return self.is_told_late and step.lane is not None

    async def check(self, scene: Scene) -> None:
        """Send one more message, and look at who got what."""
        stage, here, connection = scene.stage, scene.here, scene.connection
        if not self.is_here or self.state is it_has_a_hole:
            await scene.done(here.upkeep.check_sessions())
            await scene.cluster.quiesce()
        if self.happening is not room_is_deleted:
            await sends(scene, here)
        await stage.take_all()
        await stage.finish()
        scene.cluster.check()
        assert here.nobody_is_on_the_way_in
        assert connection.closed_with is ENDS.get(self.happening)
        if self.happening in ENDS or self.happening is line_is_lost:
            connection.lose()
            assert connection not in here.hub.all()
            assert not connection.room_ids
            assert not any(connection in dispatcher for dispatcher in here.manager._followed._dispatchers.values())
        else:
            assert connection.is_live


async def _refusable(work: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(ChatError):
        await work

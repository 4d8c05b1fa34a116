"""Random schedules: people talk, come, go and are banned on nodes whose broker and database keep their own time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from structlog.testing import capture_logs

from api.domain.errors import ChatError
from api.domain.models import Message, Role, User, Visibility
from tests.unit.broadcast.nodes import Cluster, Node
from tests.unit.broadcast.stage import Stage
from tests.unit.broadcast.stores import Database

OPS = 30


class Schedule:
    """One random run; the same seed runs alike. To be made inside the event loop.

    Args:
        trouble: how often a commit's outcome stays unknown, or a read fails.
    """

    def __init__(self, database: Database, seed: int, *, trouble: float = 0.0) -> None:
        self.stage = Stage(seed)
        self.dice = self.stage.random
        self.cluster = Cluster(database, self.stage, nodes=2 + seed % 2)
        self.users = self.cluster.people(4)
        self.owner = self.users[0]
        self.rooms = [self.cluster.room(self.owner, *self.users[1:3]), self.cluster.room(self.owner)]
        self.trouble = trouble

    async def run(self) -> int:
        """Run it and check what everybody saw; returns how many events that were."""
        with capture_logs():
            for user in self.users[:3]:
                self.stage.spawn(self.cluster.connect(self.dice.choice(self.cluster.nodes), user))
            for _ in range(OPS):
                self._act()
                await self.stage.settle()
                for _ in range(self.dice.randrange(8)):
                    await self.stage.take_any()
            await self.cluster.quiesce()
        return self.cluster.check()

    def _act(self) -> None:
        cluster, dice = self.cluster, self.dice
        node, room_id, user = dice.choice(cluster.nodes), dice.choice(self.rooms), dice.choice(self.users)
        if dice.random() < self.trouble:
            node.store.failures += 1
        if dice.random() < self.trouble:
            cluster.writer.unknown_outcomes += 1
        match dice.choices(("send", "connect", "lose", "check", "change"), (40, 12, 5, 8, 35))[0]:
            case "send":
                mine = [c for c in cluster.connections if c.is_live and c in node.hub.of_user(user.id)]
                cluster.send(node, user, room_id, dice.choice(mine) if mine and dice.random() < 0.8 else None)
            case "connect":
                self.stage.spawn(cluster.connect(node, user))
            case "lose":
                if here := [c for c in cluster.connections if c not in cluster.lost]:
                    dice.choice(here).lose()
            case "check":
                self.stage.spawn(_refusable(node.manager.check_rooms()))
            case _:
                self.stage.spawn(_refusable(self._change(node, room_id, user)))

    async def _change(self, node: Node, room_id: str, user: User) -> None:
        members, owner = node.members, self.owner
        changes: dict[str, tuple[int, Callable[[], Coroutine[Any, Any, object]]]] = {
            "join": (30, lambda: members.put(user, room_id, user.id, None)),
            "leave": (20, lambda: members.remove(user, room_id, user.id)),
            "remove": (8, lambda: members.remove(owner, room_id, user.id)),
            "ban": (10, lambda: members.ban(owner, room_id, user.id, reason="")),
            "unban": (10, lambda: members.unban(owner, room_id, user.id)),
            "promote": (4, lambda: members.put(owner, room_id, user.id, Role.MODERATOR)),
            "create": (4, lambda: self._create(node, user)),
            "close": (1, lambda: node.rooms.delete(owner, room_id)),
        }
        if message := self._message(room_id):
            author = next(user for user in self.users if user.id == message.author.id)
            changes["edit"] = (6, lambda: node.messages.edit(author, message.id, "edited"))
            changes["delete"] = (4, lambda: node.messages.delete(author, message.id))
        weights = [weight for weight, _change in changes.values()]
        _weight, change = self.dice.choices(list(changes.values()), weights)[0]
        await change()

    async def _create(self, node: Node, user: User) -> None:
        room = await node.rooms.create(user, name="another", topic="", visibility=Visibility.PRIVATE)
        self.rooms.append(room.id)

    def _message(self, room_id: str) -> Message | None:
        messages = [event.message for event in self.cluster.log(room_id).events if event.message is not None]
        return self.dice.choice(messages) if messages else None


async def _refusable(work: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(ChatError):
        await work

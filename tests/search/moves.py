"""What people may do next, and how an example chooses: all by numbers, so that it can be done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from tests.search.ground import Ground
from tests.search.model.state import Message, Room, Session, User
from tests.search.model.streams import Connection
from tests.search.world import World
from tests.support.server import CANARY

T = TypeVar("T")
MoveT = TypeVar("MoveT", bound=Callable[..., None])

PICK: Final = st.integers(0, 15)
YES: Final = st.booleans()
ROLE: Final = st.sampled_from([None, None, "member", "moderator", "owner"])
LIMIT: Final = st.sampled_from([1, 2, 3, 50, 200])
BODY: Final = st.sampled_from([f"{CANARY} 1", f"{CANARY} 2", f"{CANARY} 3", f"  {CANARY} 1\r\n"])
KEY: Final = st.sampled_from([None, None, "k1", "k2", "k3!"])
WAY: Final = st.sampled_from(["header", "subprotocol", "ticket"])
_ODD: Final = 15
"""The pick that also finds what is over: ended sessions, deleted rooms and users."""

_STRATEGIES: Final = "search_strategies"
_WEIGHT: Final = "search_weight"


@dataclass(frozen=True)
class Move:
    """One step of an example: a method of the machine and its arguments."""

    name: str
    arguments: Mapping[str, object]

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({arguments})"


def move(*, weight: int = 1, **strategies: st.SearchStrategy[Any]) -> Callable[[MoveT], MoveT]:
    """Let a method be a step, with arguments of these strategies; `weight` times as often as others."""

    def mark(method: MoveT) -> MoveT:
        setattr(method, _STRATEGIES, strategies)
        setattr(method, _WEIGHT, weight)
        return method

    return mark


def moves_of(machine: type[object]) -> st.SearchStrategy[Move]:
    """Choose among all steps of a machine.

    One choice with fixed odds: the rules of Hypothesis switch most of themselves off in each example, which pays off
    over thousands of examples and leaves a few dozen lopsided.
    """
    marked: list[tuple[int, str, st.SearchStrategy[Move]]] = []
    for name in names_of(machine):
        method = getattr(machine, name)
        arguments = st.fixed_dictionaries(getattr(method, _STRATEGIES))
        marked.append((getattr(method, _WEIGHT), name, st.builds(Move, st.just(name), arguments)))
    # The first one, which is the quickest, is what the simplest examples are made of.
    marked.sort(key=lambda one: one[:2], reverse=True)
    return st.sampled_from([one for weight, _, one in marked for _ in range(weight)]).flatmap(lambda one: one)


def names_of(machine: type[object]) -> set[str]:
    """List all steps of a machine."""
    return {name for name in dir(machine) if hasattr(getattr(machine, name), _STRATEGIES)}


class Moves:
    """One example's world, and how a number becomes somebody or something in it."""

    ground: Ground
    world: World

    def newcomer(self) -> Session:
        """Somebody who was not there before, logged in."""
        raise NotImplementedError

    def actor(self, pick: int) -> Session:
        """Somebody who is logged in; at times somebody who was."""
        if not any(session.is_usable for session in self.world.state.sessions):
            return self.newcomer()
        return _one(self.world.state.sessions, pick, lambda session: session.is_usable)

    def actor_in(self, pick: int, room: Room) -> Session:
        """Somebody who is logged in; half of the time one with a say in the room."""
        high = {user for user, place in room.places.items() if place.role != "member"}
        sessions = [session for session in self.world.state.sessions if session.is_usable and session.user in high]
        return sessions[pick // 2 % len(sessions)] if sessions and pick % 2 == 0 else self.actor(pick)

    def user(self, pick: int) -> User:
        """Somebody."""
        return _one(self.world.state.users, pick, lambda user: not user.is_deleted)

    def user_of(self, pick: int, room: Room) -> User:
        """Somebody; half of the time one with a past or a say in the room."""
        gone = [user for user in self.world.state.users if user in room.departed or user in room.bans]
        high = [user for user, place in room.places.items() if place.role != "member"]
        for known, remainder in ((gone, 0), (high, 2)):
            if known and pick % 4 == remainder:
                return known[pick // 4 % len(known)]
        return self.user(pick)

    def room(self, pick: int) -> Room:
        """A room; at times a deleted one."""
        return _one(self.world.state.rooms, pick, lambda room: not room.is_deleted)

    def message(self, pick: int) -> Message:
        """A message; the newest is number 0."""
        return self.world.state.messages[-1 - pick % len(self.world.state.messages)]

    def connection(self, pick: int) -> Connection:
        """An open connection."""
        if not self.world.streams.open:
            self.world.connect(self.actor(0))
        return self.world.streams.open[pick % len(self.world.streams.open)]


def _one(things: Sequence[T], pick: int, is_living: Callable[[T], bool]) -> T:
    living = [thing for thing in things if is_living(thing)]
    chosen = things if pick == _ODD or not living else living
    return chosen[pick % len(chosen)]


def room_path(room: Room, below: str = "") -> str:
    """Give the path of a room, or of what is below it."""
    return f"/v1/rooms/{room.id.value}{below}"

"""The search: people do whatever they like, and after each step the server says what the model says."""

from __future__ import annotations

import sys

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.search.fresh import check_same
from tests.search.message_moves import MessageMoves
from tests.search.model.state import RoleName, Session
from tests.search.moves import Move, moves_of, room_path
from tests.search.people_moves import PeopleMoves
from tests.search.room_moves import RoomMoves
from tests.search.socket_moves import SocketMoves

PEOPLE = 3


class AllMoves(PeopleMoves, RoomMoves, MessageMoves, SocketMoves):
    """Everything that people do."""


class ChatMachine(RuleBasedStateMachine, AllMoves):
    """Users, sessions, rooms, members, bans, messages, marks and connections, held against the contract's model.

    Subclass it with `ground` set.
    """

    def __init__(self) -> None:
        """Begin with the default room alone."""
        super().__init__()
        self.world = self.ground.world()

    @initialize(is_public=st.booleans(), role=st.sampled_from([None, "member", "moderator", "moderator"]))
    def begin(self, *, is_public: bool, role: RoleName | None) -> None:
        """Sign people up, connect them, and make a room with a message, in some examples with all of them in it."""
        owner, *others = (self.newcomer() for _ in range(PEOPLE))
        for session in (owner, *others):
            self.world.connect(session)
        self.make_room_of(owner, is_public=is_public)
        room = self.world.state.rooms[-1]
        if role is not None:
            for other in others:
                self.put(owner, room, other.user, role)
        self.say(owner, room, "first", None)

    @rule(step=moves_of(AllMoves))
    def act(self, *, step: Move) -> None:
        """Do one thing."""
        self.ground.done[step.name] += 1
        getattr(self, step.name)(**step.arguments)

    def teardown(self) -> None:
        """Hold the end against the model, unless a step has failed already."""
        try:
            if sys.exc_info()[0] is None:
                self.check_end()
        finally:
            self.world.close()

    def check_end(self) -> None:
        """Compare all that everybody was told, and all that anybody can list."""
        world = self.world
        for connection in world.streams.open:
            world.finish(connection)
        seen: set[object] = set()
        for user in world.state.users:
            session = self._usable(world.state.sessions_of(user))
            if session is None:
                continue
            world.listing(session, "/v1/rooms", lambda: world.rooms.joined(session.user), 200)  # noqa: B023
            for room in world.state.rooms_of(user):
                if room in seen:
                    continue
                seen.add(room)
                path = room_path(room, "/members")
                world.listing(session, path, lambda: world.members.page(session.user, room), 200)  # noqa: B023
                self._check_log(session, room_path(room, "/events"), room.log())
            if len(seen) == 1:
                public = world.pages(session, "/v1/rooms", 200, scope="public")
                ours = {room.id.value for room in world.state.rooms}
                check_same(
                    world.rooms.public(user), [room for room in public if room["id"] in ours], "the public rooms"
                )

    def _check_log(self, session: Session, path: str, expected: list[dict[str, object]]) -> None:
        found: list[dict[str, object]] = []
        while len(found) < len(expected):
            query = {"after_seq": len(found), "limit": 200}
            page = self.world.request(session, "GET", path, params=query).json()
            assert page["items"], "the log ends too early"
            found += page["items"]
        check_same(expected, found, f"the log at {path}")

    @staticmethod
    def _usable(sessions: list[Session]) -> Session | None:
        return next((session for session in sessions if session.is_usable), None)

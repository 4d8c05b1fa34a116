"""What people do with rooms, and with each other's place in them."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.search.model.state import RoleName, Room, Session, User
from tests.search.moves import LIMIT, PICK, ROLE, YES, Moves, move, room_path

NAME = st.sampled_from(["tea", "TEA", "Straße", "STRASSE"])
TOPIC = st.sampled_from(["", "leaves", " leaves "])
REASON = st.sampled_from([None, "", "noise"])


class RoomMoves(Moves):
    """Make, change, delete, find; join, add, leave, remove, ban."""

    def make_room_of(self, session: Session, *, is_public: bool) -> None:
        """Make a room of somebody's, by a name that no rule gives."""
        self._make(session, f"room {self.world.mark}", "", is_public=is_public)

    @move(pick=PICK, name=NAME, topic=TOPIC, is_public=YES)
    def make_room(self, *, pick: int, name: str, topic: str, is_public: bool) -> None:
        """Make a room."""
        self._make(self.actor(pick), f"{name} {self.world.mark}", topic, is_public=is_public)

    @move(pick=PICK)
    def make_one_room_too_many(self, *, pick: int) -> None:
        """Make rooms up to the limit, and one more; by chance hardly anybody is ever in so many."""
        session, state = self.actor(pick), self.world.state
        for _ in range(state.rooms_max - len(state.rooms_of(session.user)) + 1):
            self.make_room_of(session, is_public=False)

    def _make(self, session: Session, name: str, topic: str, *, is_public: bool) -> None:
        self.world.rest(
            session,
            "POST",
            "/v1/rooms",
            lambda: self.world.rooms.create(session.user, name, topic.strip(), is_public=is_public),
            status=201,
            json={"name": name, "topic": topic, "visibility": "public" if is_public else "private"},
        )

    @move(pick=PICK, where=PICK, name=st.none() | NAME, topic=st.none() | TOPIC)
    def change_room(self, *, pick: int, where: int, name: str | None, topic: str | None) -> None:
        """Change a room's name or topic."""
        room = self.room(where)
        session = self.actor_in(pick, room)
        if room.is_default and name is not None:
            return  # it stays `general` for the examples to come
        name = None if name is None else f"{name} {self.world.mark}"
        changes = {"name": name, "topic": topic}
        self.world.rest(
            session,
            "PATCH",
            room_path(room),
            lambda: self.world.rooms.change(session.user, room, name, None if topic is None else topic.strip()),
            json={field: value for field, value in changes.items() if value is not None},
        )

    @move(pick=PICK, where=PICK)
    def delete_room(self, *, pick: int, where: int) -> None:
        """Delete a room for everybody."""
        room = self.room(where)
        session = self.actor_in(pick, room)
        self.world.rest(
            session, "DELETE", room_path(room), lambda: self.world.rooms.delete(session.user, room), status=204
        )

    @move(pick=PICK, where=PICK)
    def read_room(self, *, pick: int, where: int) -> None:
        """Read a room, with what one has not read of it."""
        room = self.room(where)
        session = self.actor_in(pick, room)
        self.world.rest(session, "GET", room_path(room), lambda: self.world.rooms.show(session.user, room))

    @move(pick=PICK, limit=LIMIT)
    def list_rooms(self, *, pick: int, limit: int) -> None:
        """List one's rooms."""
        session = self.actor(pick)
        self.world.listing(session, "/v1/rooms", lambda: self.world.rooms.joined(session.user), limit)

    def put(self, session: Session, room: Room, user: User, role: RoleName | None) -> None:
        """Put somebody into a room, or into a role."""
        self.world.rest(
            session,
            "PUT",
            room_path(room, f"/members/{user.id.value}"),
            lambda: self.world.members.put(session.user, room, user, role),
            json={} if role is None else {"role": role},
        )

    @move(weight=3, pick=PICK, where=PICK, whom=PICK, role=ROLE)
    def put_member(self, *, pick: int, where: int, whom: int, role: RoleName | None) -> None:
        """Join, add, give or take a role."""
        room = self.room(where)
        self.put(self.actor_in(pick, room), room, self.user_of(whom, room), role)

    @move(weight=3, pick=PICK, where=PICK)
    def join(self, *, pick: int, where: int) -> None:
        """Join a room oneself."""
        session = self.actor(pick)
        self.put(session, self.room(where), session.user, None)

    def remove(self, session: Session, room: Room, user: User) -> None:
        """Take somebody out of a room, or oneself."""
        self.world.rest(
            session,
            "DELETE",
            room_path(room, f"/members/{user.id.value}"),
            lambda: self.world.members.remove(session.user, room, user),
            status=204,
        )

    @move(weight=2, pick=PICK, where=PICK, whom=PICK)
    def remove_member(self, *, pick: int, where: int, whom: int) -> None:
        """Take somebody out."""
        room = self.room(where)
        self.remove(self.actor_in(pick, room), room, self.user_of(whom, room))

    @move(weight=3, pick=PICK, where=PICK)
    def leave(self, *, pick: int, where: int) -> None:
        """Leave a room oneself."""
        session, room = self.actor(pick), self.room(where)
        self.remove(session, room, session.user)

    @move(pick=PICK, where=PICK, limit=LIMIT)
    def list_members(self, *, pick: int, where: int, limit: int) -> None:
        """List the members."""
        room = self.room(where)
        session = self.actor_in(pick, room)
        if room.old_members:
            limit = 200
        path = room_path(room, "/members")
        self.world.listing(session, path, lambda: self.world.members.page(session.user, room), limit)

    @move(weight=3, pick=PICK, where=PICK, whom=PICK, reason=REASON)
    def ban(self, *, pick: int, where: int, whom: int, reason: str | None) -> None:
        """Keep somebody out."""
        room = self.room(where)
        session, user = self.actor_in(pick, room), self.user_of(whom, room)
        self.world.rest(
            session,
            "PUT",
            room_path(room, f"/bans/{user.id.value}"),
            lambda: self.world.members.ban(session.user, room, user, reason or ""),
            status=204,
            **({} if reason is None else {"json": {"reason": reason}}),
        )

    @move(weight=2, pick=PICK, where=PICK, whom=PICK)
    def unban(self, *, pick: int, where: int, whom: int) -> None:
        """Let somebody come back."""
        room = self.room(where)
        session, user = self.actor_in(pick, room), self.user_of(whom, room)
        self.world.rest(
            session,
            "DELETE",
            room_path(room, f"/bans/{user.id.value}"),
            lambda: self.world.members.unban(session.user, room, user),
            status=204,
        )

    @move(pick=PICK, where=PICK, limit=LIMIT)
    def list_bans(self, *, pick: int, where: int, limit: int) -> None:
        """List the bans."""
        room = self.room(where)
        session = self.actor_in(pick, room)
        path = room_path(room, "/bans")
        self.world.listing(session, path, lambda: self.world.members.bans(session.user, room), limit)

"""What people say, change, read back, and have read: over REST."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.search.desk import Answer
from tests.search.fresh import Fresh
from tests.search.model.state import Json, Room, Session
from tests.search.moves import BODY, KEY, LIMIT, PICK, Moves, move, room_path

BACK = st.integers(-1, 6)
"""So far back from the end of the log; -1 is beyond it."""


class MessageMoves(Moves):
    """Send, repeat, edit, delete, page, catch up, mark."""

    def say(self, session: Session, room: Room, body: str, key: str | None) -> None:
        """Send a message."""

        def expect() -> Answer:
            message, is_repeat = self.world.messages.send(session.user, room, body, key)
            return Answer(200 if is_repeat else 201, message.shown())

        headers = {} if key is None else {"Idempotency-Key": key}
        self.world.rest(session, "POST", room_path(room, "/messages"), expect, headers=headers, json={"body": body})

    @move(weight=3, pick=PICK, where=PICK, body=BODY, key=KEY)
    def post(self, *, pick: int, where: int, body: str, key: str | None) -> None:
        """Send a message; the few keys and bodies make repeats and conflicts."""
        self.say(self.actor(pick), self.room(where), body, key)

    @move(weight=2, which=PICK)
    def repeat(self, *, which: int) -> None:
        """Send again what was sent with a key, also from out of the room, also what has changed since."""
        keyed = [message for message in self.world.state.messages if message.key is not None]
        if keyed:
            old = keyed[-1 - which % len(keyed)]
            theirs = [session for session in self.world.state.sessions if session.user is old.author]
            self.say(theirs[-1], old.room, old.first_body, old.key)

    @move(weight=2, pick=PICK, which=PICK, body=BODY)
    def edit(self, *, pick: int, which: int, body: str) -> None:
        """Edit a message."""
        session, message = self.actor(pick), self.message(which)
        self.world.rest(
            session,
            "PATCH",
            f"/v1/messages/{message.id.value}",
            lambda: self.world.messages.edit(session.user, message, body),
            json={"body": body},
        )

    @move(pick=PICK, which=PICK)
    def delete(self, *, pick: int, which: int) -> None:
        """Delete a message."""
        session, message = self.actor(pick), self.message(which)

        def expect() -> None:
            self.world.messages.delete(session.user, message)

        self.world.rest(session, "DELETE", f"/v1/messages/{message.id.value}", expect, status=204)

    @move(weight=2, pick=PICK, where=PICK, before=st.none() | BACK, after=st.none() | BACK, limit=LIMIT)
    def page(self, *, pick: int, where: int, before: int | None, after: int | None, limit: int) -> None:
        """Read messages."""
        session, room = self.actor(pick), self.room(where)
        if before is not None:
            after = None
        bounds = {
            name: max(0, room.last_seq - back)
            for name, back in (("before_seq", before), ("after_seq", after))
            if back is not None
        }
        self.world.rest(
            session,
            "GET",
            room_path(room, "/messages"),
            lambda: self.world.messages.page(
                session.user, room, bounds.get("before_seq"), bounds.get("after_seq"), limit
            ),
            params={**bounds, "limit": limit},
        )

    @move(weight=2, pick=PICK, where=PICK, back=BACK, limit=LIMIT, is_known=st.sampled_from([None, True, True, False]))
    def events(self, *, pick: int, where: int, back: int, limit: int, is_known: bool | None) -> None:
        """Catch up from somewhere, with the right epoch, another, or none."""
        session, room = self.actor(pick), self.room(where)
        after = max(0, room.last_seq - back)
        epoch: Fresh | str | None = None if is_known is None else room.epoch if is_known else "another"
        query: Json = {"after_seq": after, "limit": limit}
        if epoch is not None:
            query["epoch"] = epoch.value if isinstance(epoch, Fresh) else epoch
        self.world.rest(
            session,
            "GET",
            room_path(room, "/events"),
            lambda: self.world.messages.events(session.user, room, after, epoch, limit),
            params=query,
        )

    @move(pick=PICK, where=PICK, back=BACK)
    def mark(self, *, pick: int, where: int, back: int) -> None:
        """Say how far one has read."""
        session, room = self.actor(pick), self.room(where)
        seq = max(0, room.last_seq - back)
        self.world.rest(
            session,
            "PUT",
            room_path(room, "/read"),
            lambda: self.world.messages.mark(session.user, room, seq),
            status=204,
            json={"seq": seq},
        )

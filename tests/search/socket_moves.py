"""What people do over sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hypothesis import strategies as st

from tests.search.fresh import time
from tests.search.message_moves import BACK
from tests.search.model.state import Json, Refused, Room
from tests.search.model.streams import Connection, Sender
from tests.search.moves import BODY, KEY, LIMIT, PICK, WAY, YES, Moves, move
from tests.search.world import Way

BURST = st.lists(st.tuples(PICK, BODY, KEY), min_size=1, max_size=12)


class SocketMoves(Moves):
    """Connect, hang up, and all commands."""

    @move(weight=3, pick=PICK, way=WAY)
    def connect(self, *, pick: int, way: Way) -> None:
        """Open a connection."""
        self.world.connect(self.actor(pick), way)

    @move(pick=PICK)
    def use_a_ticket_twice(self, *, pick: int) -> None:
        """Open a connection with a ticket, then another with the same."""
        session = self.actor(pick)
        ticket = self.world.ticket(session)
        if ticket is None:
            return
        url = f"{self.world.server.ws_url}?ticket={ticket}"
        self.world.connect_at(session, url, "ticket")
        if len(self.world.streams.of(session.user)) < self.world.state.sockets_max:
            self.world.check_handshake(url, "", "ticket", ("invalid_ticket",))

    @move(pick=PICK)
    def disconnect(self, *, pick: int) -> None:
        """Hang up."""
        self.world.disconnect(self.connection(pick))

    @move(weight=3, pick=PICK, messages=BURST)
    def send(self, *, pick: int, messages: list[tuple[int, str, str | None]]) -> None:
        """Send messages into several rooms, one behind the other without waiting."""
        connection = self.connection(pick)
        wanted: list[tuple[str, Callable[[Sender], Json], Mapping[str, object]]] = []
        for where, body, key in messages:
            room = self.room(where)
            fields: dict[str, object] = {"room_id": room.id.value, "body": body}
            if key is not None:
                fields["idempotency_key"] = key
            wanted.append(("message.send", self._sending(connection, room, body, key), fields))
        self.world.commands(connection, wanted)

    def _sending(self, connection: Connection, room: Room, body: str, key: str | None) -> Callable[[Sender], Json]:
        def expect(sender: Sender) -> Json:
            message, is_repeat = self.world.messages.send(connection.user, room, body, key, sender)
            return {"message": message.shown(), "duplicate": is_repeat}

        return expect

    @move(weight=2, pick=PICK, which=PICK, body=st.none() | BODY)
    def edit_or_delete(self, *, pick: int, which: int, body: str | None) -> None:
        """Edit a message, or delete it."""
        connection, message = self.connection(pick), self.message(which)
        ours = self.world.messages
        if body is None:
            self.world.command(
                connection,
                "message.delete",
                lambda _sender: {"message": ours.delete(connection.user, message)},
                message_id=message.id.value,
            )
        else:
            self.world.command(
                connection,
                "message.edit",
                lambda _sender: {"message": ours.edit(connection.user, message, body)},
                message_id=message.id.value,
                body=body,
            )

    @move(weight=2, pick=PICK, where=PICK, back=BACK, limit=LIMIT, has_epoch=YES)
    def catch_up(self, *, pick: int, where: int, back: int, limit: int, has_epoch: bool) -> None:
        """Read the log."""
        connection, room = self.connection(pick), self.room(where)
        after = max(0, room.last_seq - back)

        def expect(_sender: Sender) -> Json:
            epoch = room.epoch if has_epoch else None
            return {"room_id": room.id, **self.world.messages.events(connection.user, room, after, epoch, limit)}

        fields: Json = {"room_id": room.id.value, "after_seq": after, "limit": limit}
        if has_epoch:
            fields["epoch"] = room.epoch.value
        self.world.command(connection, "history.get", expect, **fields)

    @move(weight=2, pick=PICK, where=PICK, back=BACK)
    def mark_read(self, *, pick: int, where: int, back: int) -> None:
        """Say how far one has read."""
        connection, room = self.connection(pick), self.room(where)
        seq = max(0, room.last_seq - back)

        def expect(_sender: Sender) -> Json:
            return {"room_id": room.id, "read_seq": self.world.messages.mark(connection.user, room, seq, connection)}

        self.world.command(connection, "read.mark", expect, room_id=room.id.value, seq=seq)

    @move(weight=3, pick=PICK, where=PICK, is_typing=YES)
    def type_on(self, *, pick: int, where: int, is_typing: bool) -> None:
        """Show that one writes."""
        connection, room = self.connection(pick), self.room(where)

        def expect(_sender: Sender) -> Json:
            self.world.messages.typing(connection.user, room, connection, is_typing=is_typing)
            return {}

        self.world.command(connection, "typing.set", expect, room_id=room.id.value, typing=is_typing)

    @move(pick=PICK, other=PICK)
    def renew(self, *, pick: int, other: int) -> None:
        """Show a newer token, or somebody else's."""
        connection = self.connection(pick)
        session = self.world.state.sessions[other % len(self.world.state.sessions)]

        def expect(_sender: Sender) -> Json:
            self.world.people.authenticate(session)
            if session is not connection.session:
                raise Refused("invalid_token")
            return {"expires_at": time()}

        self.world.command(connection, "token.refresh", expect, access_token=session.access_token.value)

"""The model and the server side by side: everything is done in both, and both must say the same."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time as clock
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import httpx2
from websockets.exceptions import InvalidStatus

from tests.search.checks import check_refused, check_stream
from tests.search.desk import Answer, Desk
from tests.search.fresh import WORD, Fresh, check_same, time
from tests.search.model.state import Json, Refused, Session
from tests.search.model.streams import Connection, Sender
from tests.support.server import ServerProcess
from tests.support.sockets import Socket, check_error_frame, open_socket

Way = Literal["header", "subprotocol", "ticket"]

LOST_SECONDS: Final = 5.0
"""A lost connection stops counting within so long (protocol 2.1)."""


class World(Desk):
    """One example: people, rooms and sockets of its own on a server that others have used before."""

    def __init__(self, server: ServerProcess, runner: asyncio.Runner, answers: Counter[str]) -> None:
        """Begin with an empty model; `Ground` adds the default room."""
        super().__init__(server, runner, answers)
        self.sockets: dict[Connection, Socket] = {}
        # In the names of this example's rooms, which no other example's may have.
        self.mark = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._last_loss_s = 0.0

    def rest(self, *asked: Any, **options: Any) -> Any:  # noqa: ANN401 - as `Desk.rest`
        """Do something in the model and over REST, and see the sockets close that it ends."""
        answer = super().rest(*asked, **options)
        self.check_closed()
        return answer

    def connect(self, session: Session, way: Way = "header") -> Connection | None:
        """Open a connection; None where it is refused."""
        url = self.server.ws_url
        if way == "ticket":
            ticket = self.ticket(session)
            if ticket is None:
                return None
            url = f"{url}?ticket={ticket}"
        return self.connect_at(session, url, way)

    def connect_at(self, session: Session, url: str, way: Way) -> Connection | None:
        """Open a connection at this address, which holds the ticket if that is the way."""
        token = session.access_token.value
        self._wait_for_a_place(session)
        try:
            user = self.people.authenticate(session)
            self.refuse_too_many(session)
            expected, rooms = self.streams.welcome(session)
        except Refused as refused:
            self.check_handshake(url, token, way, refused.codes)
            return None
        socket = self.run(self._open(url, token, way))
        socket.welcome["rooms"].sort(key=lambda room: room["id"])
        welcome = {
            "type": "welcome",
            "connection_id": self.state.fresh_id(),
            "user": user.shown(),
            "server_time": time(),
            "heartbeat_ms": 25_000,
            "token_expires_at": time(),
            "limits": {"frame_bytes": 65_536, "body_chars": 4_000, "messages": None},
            "rooms": rooms,
        }
        check_same(welcome, socket.welcome, f"welcome by {way}")
        self.sockets[expected] = socket
        return expected

    def refuse_too_many(self, session: Session) -> None:
        """Refuse one socket more than a user may have."""
        if len(self.streams.of(session.user)) >= self.state.sockets_max:
            raise Refused("connection_limit")

    def ticket(self, session: Session) -> str | None:
        """Ask for a ticket; it is refused where the handshake would be."""
        text = Fresh(WORD)

        def expect() -> Answer:
            self.refuse_too_many(session)
            return Answer(201, {"ticket": text, "expires_in": 30})

        self._wait_for_a_place(session)
        answer = self.rest(session, "POST", "/v1/auth/ws-ticket", expect)
        return None if answer is None else text.value

    async def _open(self, url: str, token: str, way: Way) -> Socket:
        if way == "header":
            return await open_socket(url, token=token)
        return await open_socket(url, subprotocols=["chat.v1", f"bearer.{token}"] if way == "subprotocol" else [])

    def _wait_for_a_place(self, session: Session) -> None:
        """Let the server notice the connections that were lost just now."""
        while session.is_usable and len(self.streams.of(session.user)) < self.state.sockets_max:
            answer = self.request(session, "POST", "/v1/auth/ws-ticket")
            is_late = clock.monotonic() > self._last_loss_s + LOST_SECONDS
            if answer.status_code != httpx2.codes.TOO_MANY_REQUESTS or is_late:
                return

    def check_handshake(self, url: str, token: str, way: Way, codes: tuple[str, ...]) -> None:
        """Assert that a handshake is refused with one of these codes."""
        try:
            socket = self.run(self._open(url, token, way))
        except InvalidStatus as refused:
            raw = refused.response
            response = httpx2.Response(
                raw.status_code, headers=dict(raw.headers.raw_items()), content=bytes(raw.body or b"")
            )
            self.answers[check_refused(response, codes, f"handshake by {way}: {response.text}")] += 1
        else:
            self.run(socket.close())
            raise AssertionError(f"a handshake by {way} that should be refused ({codes}) was not")

    def disconnect(self, connection: Connection) -> None:
        """Hang up, once everything that was owed has come."""
        self.streams.lose(connection)
        self.finish(connection)
        self.run(self.sockets[connection].close())
        self._last_loss_s = clock.monotonic()

    def command(
        self, connection: Connection, kind: str, expect: Callable[[Sender], Json], /, **fields: object
    ) -> Json | None:
        """Do something in the model and by a command; gives the result, None where it was refused."""
        return self.commands(connection, [(kind, expect, fields)])[0]

    def commands(
        self, connection: Connection, wanted: list[tuple[str, Callable[[Sender], Json], Mapping[str, object]]]
    ) -> list[Json | None]:
        """Send commands without waiting between them, then take the answer of each."""
        outcomes: list[tuple[str, Json | None, tuple[str, ...]]] = []
        sent: list[str] = []
        for kind, expect, fields in wanted:
            command_id = f"c{next(self._numbers)}"
            try:
                outcomes.append((command_id, expect(Sender(connection, command_id)), ()))
            except Refused as refused:
                outcomes.append((command_id, None, refused.codes))
            sent.append(json.dumps({"type": kind, "id": command_id, **fields}))
        frames = self.run(self._exchange(self.sockets[connection], sent, [command_id for command_id, _, _ in outcomes]))
        for (command_id, result, codes), frame in zip(outcomes, frames, strict=True):
            what = f"{command_id} of {sent}: {frame}"
            if result is None:
                check_error_frame(frame)
                assert frame["code"] in codes, f"expected {codes}: {what}"
                self.answers[frame["code"]] += 1
            else:
                check_same({"type": "ack", "id": command_id, "result": result}, frame, what)
        self.check_closed()
        return [result for _, result, _ in outcomes]

    async def _exchange(self, socket: Socket, sent: list[str], ids: list[str]) -> list[Json]:
        for text in sent:
            await socket.send_raw(text)
        return [await socket.answer(command_id) for command_id in ids]

    # --- what was owed

    def check_closed(self) -> None:
        """Assert that the connections that have to end do."""
        for connection in [one for one in self.sockets if one.closed is not None]:
            socket = self.sockets[connection]
            assert self.run(socket.closed()) == connection.closed
            self._last_loss_s = clock.monotonic()
            check_stream(connection, socket)
            del self.sockets[connection]

    def finish(self, connection: Connection) -> None:
        """Hold all that a connection was told against all that it was owed."""
        socket = self.sockets[connection]
        self.run(socket.ok("ping"))
        check_stream(connection, socket)

    def close(self) -> None:
        """Hang up everywhere."""
        for socket in self.sockets.values():
            self.run(socket.close())
        super().close()

"""Twenty people talk as fast as they can, twenty listen: everyone hears one gapless order."""

from __future__ import annotations

import asyncio
import functools
from typing import Final

import orjson
import pytest

from tests.server.conversation import Json, add, last_seq, log_of, seqs
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import Person
from tests.support.raw import Opcode, upgrade_request

SENDERS: Final = 20
READERS: Final = 20
SOCKETS: Final = 5  # of each reading user
MESSAGES: Final = 500
WINDOW: Final = 20  # messages that a sender has under way, so that no outbox is ever full
SECONDS: Final = 30


class Wire(asyncio.Protocol):
    """A WebSocket that keeps what it hears as bytes: forty of them on one core keep up with the server."""

    def __init__(self, expected: int) -> None:
        """Expect so many text frames behind the welcome."""
        self.frames: list[bytes] = []
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.welcome: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._expected = expected
        self._buffer = bytearray()
        self._is_open = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, opcode: Opcode, payload: bytes) -> None:
        """Send one frame; its mask is zero, which leaves the payload as it is."""
        assert self._transport is not None
        size = len(payload)
        head = bytes([0x80 | opcode, 0x80 | size]) if size < 126 else bytes([0x80 | opcode, 0xFE, *size.to_bytes(2)])
        self._transport.write(head + bytes(4) + payload)

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def heard(self, payload: bytes) -> None:
        """Take one text frame behind the welcome."""
        self.frames.append(payload)
        if len(self.frames) == self._expected:
            self.complete.set_result(None)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._is_open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert buffer.startswith(b"HTTP/1.1 101 "), bytes(buffer)
            del buffer[: end + 4]
            self._is_open = True
        at = 0
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1], 2
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(buffer[at + 2 : at + head])
            end = at + head + size
            if end > len(buffer):
                break
            self._frame(buffer[at] & 0x0F, bytes(buffer[at + head : end]))
            at = end
        del buffer[:at]

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == Opcode.PING:
            self.send(Opcode.PONG, payload)
        elif opcode != Opcode.TEXT:
            self.connection_lost(ConnectionError(f"opcode {opcode}: {payload!r}"))
        elif not self.welcome.done():
            self.welcome.set_result(orjson.loads(payload))
        elif b'"heartbeat"' not in payload:
            self.heard(payload)

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.welcome, self.complete):
            if not future.done():
                future.set_exception(error or ConnectionError(f"closed after {len(self.frames)} frames"))


class Sender(Wire):
    """A wire that also talks: the next message with each ack, a window of them under way."""

    def __init__(self, expected: int, room: Json, name: str) -> None:
        super().__init__(expected)
        self._room_id = str(room["id"])
        self._name = name
        self._sent = 0

    def talk(self) -> None:
        for _ in range(WINDOW):
            self._next()

    def _next(self) -> None:
        if self._sent < MESSAGES:
            command = {"type": "message.send", "id": str(self._sent), "room_id": self._room_id}
            self._sent += 1
            self.send(Opcode.TEXT, orjson.dumps(command | {"body": f"{self._name} {self._sent}"}))

    def heard(self, payload: bytes) -> None:
        if b'"ack"' in payload:
            self._next()
        super().heard(payload)


async def open_wire(person: Person, wire: Wire) -> Wire:
    """Connect and take the welcome."""
    server = person.server
    await asyncio.get_running_loop().create_connection(lambda: wire, "127.0.0.1", server.port)
    wire.write(upgrade_request(server, headers=[("Authorization", f"Bearer {person.access_token}")]))
    await wire.welcome
    return wire


@pytest.mark.timeout(120)
@pytest.mark.wire("message.created")
async def test_twenty_senders_and_twenty_readers_agree_on_one_gapless_order(
    person: MakePerson, make_room: MakeRoom, make_server: MakeServer
) -> None:
    own = make_server()
    people = await asyncio.gather(*(person(server=own) for _ in range(SENDERS + READERS // SOCKETS)))
    room = await make_room(people[0])
    await asyncio.gather(*(add(people[0], room, someone) for someone in people[1:]))
    start = await last_seq(people[0], room)
    total = SENDERS * MESSAGES
    everyone = range(start + 1, start + total + 1)

    senders = [Sender(total, room, f"sender-{number}") for number in range(SENDERS)]
    wires: list[Wire] = [*senders, *(Wire(total) for _ in range(READERS))]
    users = people[:SENDERS] + people[SENDERS:] * SOCKETS
    await asyncio.gather(*(open_wire(someone, wire) for someone, wire in zip(users, wires, strict=True)))
    try:
        async with asyncio.timeout(SECONDS):
            for sender in senders:
                sender.talk()
            await asyncio.gather(*(wire.complete for wire in wires))
    finally:
        for wire in wires:
            wire.close()

    log = await log_of(people[0], room, after_seq=start)
    assert seqs(log) == list(everyone)
    order = [(event["seq"], event["message"]["id"], event["message"]["body"]) for event in log]
    parse = functools.cache(orjson.loads)  # an event is mostly the same bytes for everybody
    for wire in wires[SENDERS:]:
        events = [parse(frame) for frame in wire.frames]
        assert [(e["seq"], e["message"]["id"], e["message"]["body"]) for e in events] == order
    for someone, sender in zip(people, senders, strict=False):
        frames = [parse(frame) for frame in sender.frames]
        messages = [frame["result"]["message"] if frame["type"] == "ack" else frame["message"] for frame in frames]
        assert seqs(messages) == list(everyone), "acks stand in the place of events"
        mine = [m["body"] for f, m in zip(frames, messages, strict=True) if f["type"] == "ack"]
        assert mine == [m["body"] for m in messages if m["author"]["id"] == someone.id]
        assert [int(body.split()[1]) for body in mine] == list(range(1, MESSAGES + 1)), "in the order sent"

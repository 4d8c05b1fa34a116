"""The process is killed in the middle of traffic, again and again: what was acknowledged is there, once, for all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.server.conversation import Json, add, done, log_of, read_room, say, types
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import Person

WINDOW: Final = 5
THE_END: Final = "the end"


class Progress:
    """How much was acknowledged so far, by everybody."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Condition()

    async def step(self) -> None:
        async with self._changed:
            self.count += 1
            self._changed.notify_all()

    async def further(self, steps: int) -> None:
        """Wait for so many more acknowledgements."""
        target = self.count + steps
        async with self._changed:
            await self._changed.wait_for(lambda: self.count >= target)


async def connections(person: Person) -> AsyncGenerator[tuple[ClientConnection, Json], None]:
    """Connect, and once more whenever asked for another one; gives the connection and its welcome."""
    while True:
        try:
            async with connect(
                person.server.ws_url,
                additional_headers={"Authorization": f"Bearer {person.access_token}"},
                compression=None,
                ping_interval=None,
                proxy=None,
            ) as connection:
                yield connection, json.loads(await connection.recv())
        except (OSError, WebSocketException):
            await asyncio.sleep(0.02)  # the pause of a client that cannot connect


async def insist(call: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """Repeat a request until the server answers it."""
    while True:
        try:
            answer = await call()
        except httpx2.TransportError:
            await asyncio.sleep(0.02)  # the pause of a client that cannot connect
            continue
        if answer.status_code != 503:
            return answer


@dataclass
class Sender:
    """Sends messages on a socket, each with a key, again and again until it has the ack."""

    person: Person
    room: Json
    progress: Progress
    stop: asyncio.Event
    acked: dict[str, Json] = field(default_factory=dict)
    made: int = 0

    async def run(self) -> None:
        waiting: dict[str, None] = {}  # keys that are not acknowledged, in the order made
        async with contextlib.aclosing(connections(self.person)) as lines:
            async for connection, _ in lines:
                with contextlib.suppress(ConnectionClosed):
                    await self._talk(connection, waiting)
                    return

    async def _talk(self, connection: ClientConnection, waiting: dict[str, None]) -> None:
        again = deque(waiting)
        under_way: set[str] = set()
        while waiting or not self.stop.is_set():
            while len(under_way) < WINDOW and (again or not self.stop.is_set()):
                if again:
                    key = again.popleft()
                else:
                    key = f"{self.person.username}-{self.made}"
                    self.made += 1
                    waiting[key] = None
                under_way.add(key)
                await self._send(connection, key)
            answer = json.loads(await connection.recv())
            if answer["type"] == "ack":
                under_way.remove(answer["id"])
                del waiting[answer["id"]]
                self.acked[answer["id"]] = answer["result"]["message"]
                await self.progress.step()
            else:
                assert answer["type"] != "error", answer

    async def _send(self, connection: ClientConnection, key: str) -> None:
        command = {"type": "message.send", "id": key, "idempotency_key": key}
        await connection.send(json.dumps(command | {"room_id": self.room["id"], "body": f"body of {key}"}))


@dataclass
class Editor:
    """Posts, edits and deletes over REST, each until it is answered."""

    person: Person
    room: Json
    progress: Progress
    stop: asyncio.Event
    final: dict[str, str] = field(default_factory=dict)  # message id -> the body that was acknowledged last

    async def run(self) -> None:
        http, number = self.person.http, 0
        while not self.stop.is_set():
            number += 1
            key = f"edit-{self.person.username}-{number}"
            path = f"/v1/rooms/{self.room['id']}/messages"
            headers = {"Idempotency-Key": key}
            answer = await insist(partial(http.post, path, json={"body": f"first {key}"}, headers=headers))
            assert answer.status_code in {200, 201}, answer.text
            message = str(answer.json()["id"])
            edit = partial(http.patch, f"/v1/messages/{message}", json={"body": f"second {key}"})
            self.final[message] = done(await insist(edit))["body"]
            if number % 3 == 0:
                done(await insist(partial(http.delete, f"/v1/messages/{message}")), status=204)
                self.final[message] = ""
            await self.progress.step()


@dataclass
class Reader:
    """Keeps a copy of the room's log: live, and by `history.get` after each new connection."""

    person: Person
    room: Json
    events: list[Json] = field(default_factory=list)
    resumed: int = 0

    async def run(self) -> None:
        """Read until somebody says the end."""
        async with contextlib.aclosing(connections(self.person)) as lines:
            async for connection, welcome in lines:
                with contextlib.suppress(ConnectionClosed):
                    await self._listen(connection, welcome)
                    return

    async def _listen(self, connection: ClientConnection, welcome: Json) -> None:
        (there,) = (room for room in welcome["rooms"] if room["id"] == self.room["id"])
        assert there["epoch"] == self.room["epoch"]
        held = await self._catch_up(connection, there["last_seq"])
        self.resumed += 1
        for event in held:
            self._take(event)
        while not self._is_over():
            frame = json.loads(await connection.recv())
            if "seq" in frame and frame["room_id"] == self.room["id"]:
                self._take(frame)

    async def _catch_up(self, connection: ClientConnection, cursor: int) -> list[Json]:
        """Read history up to the cursor; gives the live events that came meanwhile."""
        held: list[Json] = []
        while len(self.events) < cursor:
            ask = {"type": "history.get", "id": "h", "room_id": self.room["id"], "epoch": self.room["epoch"]}
            await connection.send(json.dumps(ask | {"after_seq": len(self.events), "limit": 200}))
            while (frame := json.loads(await connection.recv()))["type"] != "ack":
                assert frame["type"] != "error", frame
                if "seq" in frame and frame["room_id"] == self.room["id"]:
                    held.append(frame)
            for event in frame["result"]["items"]:
                self._take(event)
        return held

    def _take(self, event: Json) -> None:
        if event["seq"] > len(self.events):
            assert event["seq"] == len(self.events) + 1, "a hole"
            self.events.append(event)

    def _is_over(self) -> bool:
        return bool(self.events[-1].get("message", {}).get("body") == THE_END)


def outline(events: list[Json]) -> list[tuple[object, ...]]:
    """Give what an event is, without what may have changed since."""
    return [(e["seq"], e["type"], e["at"], e["actor"], e.get("message", {}).get("id")) for e in events]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.long)])
async def test_no_kill_loses_what_was_acknowledged_or_doubles_what_was_sent_again(
    person: MakePerson, make_room: MakeRoom, make_server: MakeServer, kills: int
) -> None:
    own = make_server()
    people = await asyncio.gather(*(person(server=own) for _ in range(6)))
    room = await make_room(*people)
    progress, stop = Progress(), asyncio.Event()
    senders = [Sender(someone, room, progress, stop) for someone in people[:3]]
    editor = Editor(people[3], room, progress, stop)
    talkers: list[Sender | Editor] = [*senders, editor]
    readers = [Reader(someone, room) for someone in (*people[4:], people[0])]
    async with asyncio.TaskGroup() as tasks:
        for reader in readers:
            tasks.create_task(reader.run())
        talking = [tasks.create_task(someone.run()) for someone in talkers]
        for _ in range(kills):
            await progress.further(random.randint(50, 250))
            await asyncio.sleep(random.random() / 50)  # so that the kill is bound to no answer
            await asyncio.to_thread(own.kill)
            await asyncio.to_thread(own.restart)
        await progress.further(100)
        stop.set()
        await asyncio.gather(*talking)
        await insist(lambda: people[0].http.get("/readyz"))
        await say(people[0], room, THE_END)

    log = await log_of(people[1], room)
    by_key = Counter(e["message"]["idempotency_key"] for e in log if e["type"] == "message.created")
    assert set(by_key.values()) == {1}, "no message twice"
    by_seq = {event["seq"]: event for event in log}
    for sender in senders:
        assert len(sender.acked) == sender.made > 20
        for key, message in sender.acked.items():
            assert by_seq[message["seq"]]["message"] == message, f"{key} was acknowledged, and is not there"
    sent = [e["message"]["body"] for e in log if e["actor"] == people[1].ref and e["type"] == "message.created"]
    assert sent == [f"body of {people[1].username}-{number}" for number in range(senders[1].made)]
    now = {e["message"]["id"]: e["message"]["body"] for e in log if e["type"] == "message.created"}
    assert editor.final
    assert {message_id: now[message_id] for message_id in editor.final} == editor.final
    for reader in readers:
        assert reader.resumed > 1
        assert outline(reader.events) == outline(log)


async def test_a_change_of_members_that_was_answered_outlives_a_kill(
    person: MakePerson, make_room: MakeRoom, make_server: MakeServer
) -> None:
    own = make_server()
    ada, bob, cyd, dan = await asyncio.gather(*(person(server=own) for _ in range(4)))
    room = await make_room(ada, bob, cyd)
    await add(ada, room, bob, "moderator")
    done(await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "kept"}))
    done(await bob.http.put(f"/v1/rooms/{room['id']}/read", json={"seq": 4}), status=204)
    done(await ada.http.put(f"/v1/rooms/{room['id']}/bans/{dan.id}", json={"reason": "kept"}), status=204)
    done(await cyd.http.delete(f"/v1/rooms/{room['id']}/members/{cyd.id}"), status=204)
    await asyncio.to_thread(own.kill)
    await asyncio.to_thread(own.restart)
    await insist(lambda: ada.http.get("/readyz"))
    assert types(await log_of(ada, room)) == [
        *("room.created", "member.joined", "member.joined", "member.role_changed"),
        *("room.updated", "member.banned", "member.left"),
    ]
    seen = await read_room(bob, room)
    assert (seen["topic"], seen["member_count"], seen["me"]["role"]) == ("kept", 2, "moderator")
    assert seen["me"]["read_seq"] == 4
    (item,) = done(await ada.http.get(f"/v1/rooms/{room['id']}/bans"))["items"]
    assert (item["user"], item["reason"]) == (dan.ref, "kept")

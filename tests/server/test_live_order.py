"""One room, one order: on every connection, acks in the place of events, no gap, no duplicate."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.server.conversation import Json, add, done, heard, join, last_seq, log_of, of_room, say, send, seqs, types
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person
from tests.support.sockets import Socket


async def stream(socket: Socket, until_seq: int) -> list[tuple[str, int]]:
    """Take frames in the order of arrival: acks of `message.send` and events, up to the one with this seq."""
    found: list[tuple[str, int]] = []
    while not found or found[-1][1] < until_seq:
        frame = await socket.next(timeout_s=10)
        if frame["type"] == "ack":
            assert frame["result"]["duplicate"] is False
            found.append(("ack", frame["result"]["message"]["seq"]))
        elif "seq" in frame:
            found.append((frame["type"], frame["seq"]))
        else:
            assert frame["type"] == "heartbeat", frame
    return found


async def flood(socket: Socket, room: Json, count: int, name: str) -> None:
    """Send messages without waiting for their acks."""
    for number in range(count):
        command = {"type": "message.send", "id": f"{name}{number}", "room_id": room["id"], "body": f"{name} {number}"}
        await socket.send_raw(json.dumps(command))


@pytest.mark.wire("ack")
async def test_the_ack_stands_in_the_place_of_the_event(person: MakePerson, make_room: MakeRoom) -> None:
    """Three senders at once: each connection sees every seq once, its own as acks, the others' as events."""
    people = await asyncio.gather(person(), person(), person())
    room = await make_room(*people)
    start = await last_seq(people[0], room)
    sockets = [await someone.connect() for someone in people]
    second = await people[0].connect()
    await asyncio.gather(*(flood(socket, room, 100, f"s{i}-") for i, socket in enumerate(sockets)))
    end = start + 300
    log = await log_of_when(people[0], room, end)
    for someone, socket in zip(people, sockets, strict=True):
        expected = [("ack" if e["actor"] == someone.ref else "message.created", e["seq"]) for e in log[start:]]
        assert await stream(socket, end) == expected
        assert await of_room(socket, room) == []
    assert seqs(await heard(second, room, end)) == list(range(start + 1, end + 1)), "other connections get the events"
    for someone in people:
        numbers = [int(e["message"]["body"].split()[1]) for e in log[start:] if e["actor"] == someone.ref]
        assert numbers == list(range(100)), "each connection's messages in the order sent"


async def log_of_when(person: Person, room: Json, seq: int) -> list[Json]:
    """Read the whole log once it has reached this seq."""
    socket = await person.connect()
    (there,) = (item for item in socket.welcome["rooms"] if item["id"] == room["id"])
    if there["last_seq"] < seq:
        await heard(socket, room, seq)
    await socket.close()
    return await log_of(person, room)


@pytest.mark.wire("message.created")
async def test_a_message_by_rest_reaches_all_ones_own_connections(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    first, second = await ada.connect(), await ada.connect()
    message = await say(ada, room)
    for socket in (first, second):
        (event,) = await heard(socket, room, 2)
        assert event.keys() == {"type", "room_id", "seq", "at", "actor", "message"}
        assert (event["type"], event["actor"], event["message"]) == ("message.created", ada.ref, message)


@pytest.mark.wire("message.send")
async def test_a_duplicate_is_acknowledged_at_once_and_stands_for_nothing(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    first, second, other = await ada.connect(), await ada.connect(), await bob.connect()
    message = await send(first, room, "once", idempotency_key="k")
    for socket in (second, other):
        assert seqs(await heard(socket, room, message["seq"])) == [message["seq"]]
    for socket in (first, second):
        result = await socket.ok("message.send", room_id=room["id"], body="once", idempotency_key="k")
        assert result == {"message": message, "duplicate": True}
    for socket in (first, second, other):
        assert await of_room(socket, room) == []


@pytest.mark.wire("message.edited")
async def test_all_kinds_of_events_keep_one_order_everywhere(person: MakePerson, make_room: MakeRoom) -> None:
    """Messages, edits, deletions, roles and the topic, from everyone at once: all hear the log as it is written."""
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob, cyd)
    readers = [await someone.connect() for someone in (ada, bob, cyd)]
    start = await last_seq(ada, room)
    message = await say(bob, room)

    async def edits() -> None:
        for number in range(20):
            done(await bob.http.patch(f"/v1/messages/{message['id']}", json={"body": f"edit {number}"}))

    async def topics() -> None:
        for number in range(20):
            done(await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": f"topic {number}"}))

    async def roles() -> None:
        for number in range(20):
            await add(ada, room, cyd, "moderator" if number % 2 == 0 else "member")

    async def talk() -> None:
        for number in range(20):
            await say(cyd, room, f"number {number}")

    await asyncio.gather(edits(), topics(), roles(), talk())
    log = await log_of(ada, room, after_seq=start)
    assert len(log) == 81
    for reader in readers:
        events = await heard(reader, room, start + 81)
        assert [(e["type"], e["seq"], e["actor"]) for e in events] == [(e["type"], e["seq"], e["actor"]) for e in log]
        topics_heard = [e["room"]["topic"] for e in events if e["type"] == "room.updated"]
        assert topics_heard == [f"topic {number}" for number in range(20)]
        assert await of_room(reader, room) == []


@pytest.mark.wire("welcome")
async def test_who_connects_amid_traffic_misses_nothing_above_the_cursor(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    writer = await ada.connect()
    flooding = asyncio.create_task(flood(writer, room, 400, "w"))
    sockets = await asyncio.gather(*(bob.connect() for _ in range(8)))
    await flooding
    for socket in sockets:
        (there,) = (item for item in socket.welcome["rooms"] if item["id"] == room["id"])
        cursor = there["last_seq"]
        if cursor < 402:
            assert seqs(await heard(socket, room, 402)) == list(range(cursor + 1, 403))
        assert await of_room(socket, room) == []


@pytest.mark.wire("room.joined")
async def test_who_joins_amid_traffic_misses_nothing_above_the_cursor(person: MakePerson, make_room: MakeRoom) -> None:
    ada, *others = await asyncio.gather(*(person() for _ in range(6)))
    room = await make_room(ada)
    writer = await ada.connect()
    sockets = [await someone.connect() for someone in others]
    flooding = asyncio.create_task(flood(writer, room, 300, "w"))
    await asyncio.gather(*(join(someone, room) for someone in others))
    await flooding
    end = 1 + 300 + len(others)
    log = await log_of_when(ada, room, end)
    for someone, socket in zip(others, sockets, strict=True):
        opened = await socket.next()
        assert (opened["type"], opened["room"]["id"]) == ("room.joined", room["id"]), "it precedes all of its room"
        cursor = opened["room"]["last_seq"]
        (own,) = (e["seq"] for e in log if e["type"] == "member.joined" and e["user"] == someone.ref)
        assert cursor >= own
        if cursor < end:
            events = await heard(socket, room, end)
            assert [(e["type"], e["seq"]) for e in events] == [(e["type"], e["seq"]) for e in log[cursor:]]
        assert await of_room(socket, room) == []


async def test_rooms_do_not_mix(person: MakePerson, make_room: MakeRoom) -> None:
    """Two rooms at once: each keeps its own order, and who is in one hears nothing of the other."""
    ada, bob = await asyncio.gather(person(), person())
    shared, own = await make_room(ada, bob), await make_room(ada)
    writer, reader = await ada.connect(), await bob.connect()
    await asyncio.gather(flood(writer, shared, 50, "a"), flood(writer, own, 50, "b"))
    events = await heard(reader, shared, 52)
    assert types(events) == ["message.created"] * 50
    assert [event["message"]["body"] for event in events] == [f"a {number}" for number in range(50)]
    assert await of_room(reader, own) == []

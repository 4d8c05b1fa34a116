"""How far each member has read, what is unread, and who hears of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import Json, delete, done, last_seq, log_of, of_room, read_room, refused, say, send
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

PUT = pytest.mark.wire("PUT /v1/rooms/{room_id}/read")
MARK = pytest.mark.wire("read.mark")
PUSH = pytest.mark.wire("read")


async def unread(person: Person, room: Json) -> tuple[int, int]:
    """Give somebody's (read_seq, unread_count)."""
    me = (await read_room(person, room))["me"]
    return me["read_seq"], me["unread_count"]


async def mark(person: Person, room: Json, seq: int) -> None:
    done(await person.http.put(f"/v1/rooms/{room['id']}/read", json={"seq": seq}), status=204)


@PUT
@MARK
async def test_a_mark_moves_forward_only(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    for number in range(4):
        await say(ada, room, f"number {number}")
    socket = await bob.connect()
    assert (await unread(bob, room))[1] == 4
    await mark(bob, room, 4)
    assert await unread(bob, room) == (4, 2)
    await mark(bob, room, 3)
    await mark(bob, room, 1)
    assert await unread(bob, room) == (4, 2)
    assert await socket.ok("read.mark", room_id=room["id"], seq=5) == {"room_id": room["id"], "read_seq": 5}
    assert await socket.ok("read.mark", room_id=room["id"], seq=1) == {"room_id": room["id"], "read_seq": 5}
    assert await unread(bob, room) == (5, 1)
    await mark(bob, room, 6)
    assert await unread(bob, room) == (6, 0)
    assert len(await log_of(bob, room)) == 6, "reading leaves no event"


@PUT
@MARK
async def test_nobody_reads_the_future(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    await say(ada, room)
    before = await unread(ada, room)
    socket = await ada.connect()
    for seq in (3, -1, 2**53, 10**30, "x", None, 1.5):
        refused(await ada.http.put(f"/v1/rooms/{room['id']}/read", json={"seq": seq}), "validation_error")
        assert (await socket.error("read.mark", room_id=room["id"], seq=seq))["code"] == "validation_error", seq
    for body in ({}, {"seq": 1, "read_seq": 1}):
        refused(await ada.http.put(f"/v1/rooms/{room['id']}/read", json=body), "validation_error")
    assert await unread(ada, room) == before


@PUT
async def test_unread_are_others_undeleted_messages_above_the_mark(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    start, _ = await unread(bob, room)
    messages = [await say(ada, room, f"number {number}") for number in range(3)]
    assert await unread(bob, room) == (start, 3)
    await say(bob, room, "mine")
    assert await unread(bob, room) == (start, 3), "sending neither counts nor moves the mark"
    assert (await unread(ada, room))[1] == 1
    await delete(ada, messages[1])
    assert await unread(bob, room) == (start, 2)
    await mark(bob, room, messages[0]["seq"])
    assert await unread(bob, room) == (messages[0]["seq"], 1)
    done(await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "no message"}))
    assert (await unread(bob, room))[1] == 1
    socket = await bob.connect()
    (there,) = (item for item in socket.welcome["rooms"] if item["id"] == room["id"])
    assert there["me"]["unread_count"] == 1


@PUT
async def test_unread_counts_to_a_hundred(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    socket = await ada.connect()
    ids = [await socket.post("message.send", room_id=room["id"], body=f"number {n}") for n in range(103)]
    for command_id in ids:
        await socket.answer(command_id)
    last = await last_seq(ada, room)
    assert (await unread(bob, room))[1] == 100
    for above, count in ((101, 100), (100, 100), (99, 99), (1, 1)):
        await mark(bob, room, last - above)
        assert await unread(bob, room) == (last - above, count)
    (item,) = (r for r in done(await bob.http.get("/v1/rooms"))["items"] if r["id"] == room["id"])
    assert item["me"]["unread_count"] == 1


@PUSH
async def test_a_mark_reaches_ones_other_connections_and_the_other_members(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob)
    message = await say(ada, room)
    first, second, other, outside = await bob.connect(), await bob.connect(), await ada.connect(), await cyd.connect()
    await first.ok("read.mark", room_id=room["id"], seq=message["seq"])
    push = {"type": "read", "room_id": room["id"], "user": bob.ref, "read_seq": message["seq"]}
    assert await second.next("read") == push
    assert await other.next("read") == push
    assert await of_room(first, room) == [], "who marked has the ack"
    assert await of_room(outside, room) == []

    later = await say(ada, room)
    await mark(bob, room, later["seq"])
    for socket in (first, second, other):
        assert await socket.next("read") == push | {"read_seq": later["seq"]}


@PUSH
async def test_a_mark_of_a_stranger_reaches_nobody(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada)
    listener, stranger = await ada.connect(), await bob.connect()
    message = await send(listener, room)
    error = await stranger.error("read.mark", room_id=room["id"], seq=message["seq"])
    assert error["code"] == "forbidden"
    refused(await bob.http.put(f"/v1/rooms/{room['id']}/read", json={"seq": 1}), "forbidden")
    assert await of_room(listener, room) == []


@PUT
@MARK
async def test_a_mark_is_an_integer_and_its_refusal_says_where_it_stands(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for seq in ("1", True, 1.0, 10**6):
        answer = await ada.http.put(f"/v1/rooms/{room['id']}/read", json={"seq": seq})
        problem = refused(answer, "validation_error")
        assert [one["loc"] for one in problem["errors"]] == [["body", "seq"]], seq
        frame = await socket.error("read.mark", room_id=room["id"], seq=seq)
        assert [one["loc"] for one in frame["errors"]] == [["seq"]], seq

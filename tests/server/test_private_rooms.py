"""Private rooms: for who is not in them they are not there."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import Json, add, ban, done, heard, log_of, read_room, refused, remove, say, unban
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person


async def assert_absent(someone: Person, room: Json, message: Json) -> None:
    """Assert that over REST and on a socket everything about the room is `not_found`."""
    path = f"/v1/rooms/{room['id']}"
    for answer in (
        await someone.http.get(path),
        await someone.http.get(f"{path}/members"),
        await someone.http.get(f"{path}/messages"),
        await someone.http.get(f"{path}/events?after_seq=0"),
        await someone.http.post(f"{path}/messages", json={"body": "x"}),
        await someone.http.put(f"{path}/members/{someone.id}", json={}),
        await someone.http.delete(f"{path}/members/{someone.id}"),
        await someone.http.put(f"{path}/read", json={"seq": 1}),
        await someone.http.patch(f"/v1/messages/{message['id']}", json={"body": "x"}),
        await someone.http.delete(f"/v1/messages/{message['id']}"),
    ):
        refused(answer, "not_found")
    socket = await someone.connect()
    assert room["id"] not in {item["id"] for item in socket.welcome["rooms"]}
    in_room = {"room_id": room["id"]}
    commands: dict[str, Json] = {
        "message.send": in_room | {"body": "x"},
        "message.edit": {"message_id": message["id"], "body": "x"},
        "message.delete": {"message_id": message["id"]},
        "history.get": in_room | {"after_seq": 0},
        "read.mark": in_room | {"seq": 1},
        "typing.set": in_room | {"typing": True},
    }
    for command, fields in commands.items():
        assert (await socket.error(command, **fields))["code"] == "not_found", command
    await socket.close()


@pytest.mark.wire("not_found")
async def test_it_is_absent_for_outsiders_former_members_and_the_banned(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, visibility="private")
    message = await say(ada, room)
    await assert_absent(bob, room, message)
    await add(ada, room, bob)
    own = await say(bob, room)
    await remove(bob, room, bob)
    await assert_absent(bob, room, own)
    await add(ada, room, bob)
    await remove(ada, room, bob)
    await assert_absent(bob, room, own)
    await add(ada, room, bob)
    await ban(ada, room, bob)
    await assert_absent(bob, room, own)
    await unban(ada, room, bob)
    await assert_absent(bob, room, own)


@pytest.mark.wire("GET /v1/rooms/{room_id}/events")
async def test_who_is_added_reads_all_that_was_said_before(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, visibility="private")
    before = [await say(ada, room, f"number {number}") for number in range(3)]
    await add(ada, room, bob)
    assert await log_of(bob, room) == await log_of(ada, room)
    assert done(await bob.http.get(f"/v1/rooms/{room['id']}/messages"))["items"] == before
    assert (await read_room(bob, room))["me"]["unread_count"] == 0


@pytest.mark.wire("room.joined")
async def test_who_is_added_hears_of_it_at_once(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, visibility="private")
    socket = await bob.connect()
    await add(ada, room, bob)
    joined = await socket.next("room.joined")
    assert joined["room"] == await read_room(bob, room)
    message = await say(ada, room)
    assert [event["message"] for event in await heard(socket, room, message["seq"])] == [message]

"""Who writes right now: said to the others in small rooms, and never kept."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import NOBODY, done, join, log_of, of_room, read_room, remove, say
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import fresh_password, fresh_username, signup

pytestmark = pytest.mark.wire("typing.set")


@pytest.mark.wire("typing")
async def test_the_other_members_hear_it_begin_and_end(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob)
    own, second, other, outside = await ada.connect(), await ada.connect(), await bob.connect(), await cyd.connect()
    for typing in (True, False):
        assert await own.ok("typing.set", room_id=room["id"], typing=typing) == {}
        push = await other.next("typing")
        assert push == {"type": "typing", "room_id": room["id"], "user": ada.ref, "typing": typing}
    for socket in (own, second, outside):
        assert await of_room(socket, room) == []
    assert len(await log_of(ada, room)) == 2, "typing leaves no event"


async def test_it_is_for_members_only(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room, private = await make_room(ada), await make_room(ada, visibility="private")
    listener, stranger = await ada.connect(), await bob.connect()
    for target, code in ((room["id"], "forbidden"), (private["id"], "not_found"), (NOBODY, "not_found")):
        assert (await stranger.error("typing.set", room_id=target, typing=True))["code"] == code
    await join(bob, room)
    await stranger.ok("typing.set", room_id=room["id"], typing=True)
    assert (await listener.next("typing"))["user"] == bob.ref
    await remove(ada, room, bob)
    assert (await stranger.error("typing.set", room_id=room["id"], typing=True))["code"] == "forbidden"
    await listener.ok("ping")
    assert [frame for frame in listener.inbox if frame["type"] == "typing"] == []


async def test_it_needs_a_room_and_a_yes_or_no(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for fields in ({"room_id": room["id"]}, {"typing": True}, {"room_id": room["id"], "typing": "maybe"}):
        assert (await socket.error("typing.set", **fields))["code"] == "validation_error"


@pytest.mark.wire("read")
async def test_rooms_of_more_than_100_are_spared_what_is_ephemeral(person: MakePerson, make_room: MakeRoom) -> None:
    """At 100 members all hear who types and reads; from 101 on nobody does but one's own other connections."""
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob, visibility="private")
    (general,) = (item for item in done(await ada.http.get("/v1/rooms"))["items"] if item["name"] == "general")
    page = done(await ada.http.get(f"/v1/rooms/{general['id']}/members", params={"limit": 200}))
    others = [item["user"]["id"] for item in page["items"] if item["user"]["id"] not in {ada.id, bob.id}][:99]
    while len(others) < 99:
        made = await asyncio.gather(
            *(signup(ada.http, fresh_username(), fresh_password()) for _ in range(min(10, 99 - len(others))))
        )
        others += [done(answer, status=201)["id"] for answer in made]
    for user_id in others[:98]:
        done(await ada.http.put(f"/v1/rooms/{room['id']}/members/{user_id}", json={}))
    assert (await read_room(ada, room))["member_count"] == 100

    first, second, other = await ada.connect(), await ada.connect(), await bob.connect()
    await first.ok("typing.set", room_id=room["id"], typing=True)
    await first.ok("read.mark", room_id=room["id"], seq=50)
    assert (await other.next("typing"))["user"] == ada.ref
    assert (await other.next("read"))["read_seq"] == 50
    assert (await second.next("read"))["read_seq"] == 50

    done(await ada.http.put(f"/v1/rooms/{room['id']}/members/{others[98]}", json={}))
    await other.next("member.joined")
    await first.ok("typing.set", room_id=room["id"], typing=False)
    await first.ok("read.mark", room_id=room["id"], seq=60)
    assert (await second.next("read"))["read_seq"] == 60
    message = await say(ada, room)
    await other.next("message.created", seq=message["seq"])
    assert await of_room(other, room) == []

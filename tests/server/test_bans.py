"""Bans: who is kept out, by whom, why, until when."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import (
    TIME,
    add,
    ban,
    done,
    join,
    last_seq,
    log_of,
    read_room,
    refused,
    remove,
    say,
    types,
    unban,
)
from tests.support.fixtures import MakePerson, MakeRoom

PUT = pytest.mark.wire("PUT /v1/rooms/{room_id}/bans/{user_id}")


@PUT
@pytest.mark.wire("GET /v1/rooms/{room_id}/bans")
@pytest.mark.wire("member.banned")
async def test_a_ban_names_who_whom_and_why_and_ends_the_membership(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob, cyd)
    await add(ada, room, bob, "moderator")
    await ban(bob, room, cyd, reason="spam")

    path = f"/v1/rooms/{room['id']}/bans"
    page = done(await ada.http.get(path))
    assert page.keys() == {"items", "next_cursor"}
    assert page["next_cursor"] is None
    (item,) = page["items"]
    assert item.keys() == {"user", "reason", "actor", "created_at"}
    assert (item["user"], item["reason"], item["actor"]) == (cyd.ref, "spam", bob.ref)
    assert TIME.fullmatch(item["created_at"])
    banned = (await log_of(ada, room))[-1]
    assert (banned["type"], banned["user"], banned["actor"]) == ("member.banned", cyd.ref, bob.ref)
    seen = await read_room(cyd, room)
    assert (seen["me"], seen["member_count"]) == (None, 2)
    refused(await cyd.http.get(f"/v1/rooms/{room['id']}/messages"), "banned")
    refused(await cyd.http.put(f"/v1/rooms/{room['id']}/members/{cyd.id}", json={}), "banned")
    assert done(await bob.http.get(path)) == page


@PUT
async def test_to_ban_or_unban_twice_succeeds_without_an_event(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob)
    await unban(ada, room, bob)
    await unban(ada, room, cyd)
    assert await last_seq(ada, room) == 2
    assert (await read_room(bob, room))["me"] is not None
    for _ in range(2):
        await ban(ada, room, bob, reason="first")
    assert len(done(await ada.http.get(f"/v1/rooms/{room['id']}/bans"))["items"]) == 1
    for _ in range(2):
        await unban(ada, room, bob)
    assert types(await log_of(ada, room)) == ["room.created", "member.joined", "member.banned", "member.unbanned"]


@PUT
@pytest.mark.wire("DELETE /v1/rooms/{room_id}/bans/{user_id}")
@pytest.mark.wire("member.unbanned")
async def test_an_unbanned_user_is_no_member_but_may_be_one(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    await ban(ada, room, bob)
    await unban(ada, room, bob)
    unbanned = (await log_of(ada, room))[-1]
    assert (unbanned["type"], unbanned["user"], unbanned["actor"]) == ("member.unbanned", bob.ref, ada.ref)
    assert done(await ada.http.get(f"/v1/rooms/{room['id']}/bans"))["items"] == []
    refused(await bob.http.get(f"/v1/rooms/{room['id']}/messages"), "forbidden")
    await join(bob, room)
    await say(bob, room)


@PUT
async def test_who_is_no_member_can_be_banned_beforehand(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    public, private = await make_room(ada), await make_room(ada, visibility="private")
    for room, code in ((public, "banned"), (private, "not_found")):
        await ban(ada, room, bob)
        refused(await bob.http.put(f"/v1/rooms/{room['id']}/members/{bob.id}", json={}), code)
        refused(await ada.http.put(f"/v1/rooms/{room['id']}/members/{bob.id}", json={}), "banned")
        assert types(await log_of(ada, room)) == ["room.created", "member.banned"]


@PUT
async def test_nobody_bans_himself_and_only_lower_roles(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd, dan = await asyncio.gather(person(), person(), person(), person())
    room = await make_room(ada, bob, cyd, dan)
    await add(ada, room, bob, "moderator")
    await add(ada, room, cyd, "moderator")
    path = f"/v1/rooms/{room['id']}/bans"
    before = await last_seq(ada, room)
    for actor, target in ((ada, ada), (bob, bob), (bob, cyd), (bob, ada), (dan, dan), (dan, bob), (dan, ada)):
        refused(await actor.http.put(f"{path}/{target.id}", json={}), "forbidden")
    assert await last_seq(ada, room) == before
    await add(ada, room, bob, "owner")
    await ban(ada, room, bob)  # owners also owners
    await ban(ada, room, cyd)
    assert types(await log_of(ada, room, after_seq=before))[1:] == ["member.banned"] * 2


@PUT
async def test_owners_who_ban_each_other_at_once_leave_one(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    for _ in range(3):
        room = await make_room(ada, bob)
        await add(ada, room, bob, "owner")
        path = f"/v1/rooms/{room['id']}/bans"
        answers = await asyncio.gather(
            ada.http.put(f"{path}/{bob.id}", json={}), bob.http.put(f"{path}/{ada.id}", json={})
        )
        assert sorted(answer.status_code for answer in answers) == [204, 403]
        (loser,) = (answer for answer in answers if answer.status_code == 403)
        refused(loser, "banned")


@PUT
async def test_a_ban_outlives_leaving_and_adding(person: MakePerson, make_room: MakeRoom) -> None:
    """Who leaves before the ban, comes back on another connection, or is added, is refused all the same."""
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    await remove(bob, room, bob)
    await ban(ada, room, bob)
    other = await bob.second_session()
    refused(await other.http.put(f"/v1/rooms/{room['id']}/members/{bob.id}", json={}), "banned")
    await other.close()
    socket = await bob.connect()
    assert room["id"] not in {item["id"] for item in socket.welcome["rooms"]}
    assert (await socket.error("message.send", room_id=room["id"], body="x"))["code"] == "banned"


@PUT
async def test_a_ban_takes_a_known_body(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    for body in ({"reason": 5}, {"until": "tomorrow"}, {"reason": "x", "user": "y"}, {"reason": ["x"]}):
        refused(await ada.http.put(f"/v1/rooms/{room['id']}/bans/{bob.id}", json=body), "validation_error")
    assert (await read_room(bob, room))["me"] is not None

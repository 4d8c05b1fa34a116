"""Members: joining, adding, leaving, removing, roles, and what the log says of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import (
    TIME,
    Json,
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
)
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

PUT = pytest.mark.wire("PUT /v1/rooms/{room_id}/members/{user_id}")
DELETE = pytest.mark.wire("DELETE /v1/rooms/{room_id}/members/{user_id}")


async def members(person: Person, room: Json) -> dict[str, str]:
    """Give the roles in a room by user id."""
    items = done(await person.http.get(f"/v1/rooms/{room['id']}/members", params={"limit": 200}))["items"]
    return {item["user"]["id"]: item["role"] for item in items}


def member_path(room: Json, person: Person) -> str:
    return f"/v1/rooms/{room['id']}/members/{person.id}"


@PUT
@pytest.mark.wire("member.joined")
async def test_anyone_joins_a_public_room_by_himself(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada)
    message = await say(ada, room)
    member = await join(bob, room)
    assert member.keys() == {"user", "role", "joined_at"}
    assert (member["user"], member["role"]) == (bob.ref, "member")
    assert TIME.fullmatch(member["joined_at"])

    seen = await read_room(bob, room)
    assert (seen["member_count"], seen["last_seq"]) == (2, 3)
    assert (seen["me"]["role"], seen["me"]["unread_count"]) == ("member", 0)
    assert seen["me"]["read_seq"] >= message["seq"], "what was said before is not unread"
    joined = (await log_of(bob, room))[-1]
    assert (joined["type"], joined["user"], joined["role"], joined["actor"]) == (
        *("member.joined", bob.ref),
        *("member", bob.ref),
    )
    assert await members(bob, room) == {ada.id: "owner", bob.id: "member"}

    again = done(await bob.http.put(member_path(room, bob), json={"role": "member"}))
    assert again == await join(bob, room) == member
    assert await last_seq(bob, room) == 3


@PUT
async def test_who_joins_gives_himself_no_higher_role(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada)
    for role in ("moderator", "owner"):
        refused(await bob.http.put(member_path(room, bob), json={"role": role}), "forbidden")
    assert await members(ada, room) == {ada.id: "owner"}
    await join(bob, room)
    for role in ("moderator", "owner"):
        refused(await bob.http.put(member_path(room, bob), json={"role": role}), "forbidden")
    for body in ({"role": "king"}, {"role": None, "user": 1}, {"role": 3}, {"joined_at": "now"}):
        refused(await ada.http.put(member_path(room, bob), json=body), "validation_error")
    assert await members(ada, room) == {ada.id: "owner", bob.id: "member"}


@PUT
async def test_owners_and_moderators_add_by_name(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd, dan = await asyncio.gather(person(), person(), person(), person())
    room = await make_room(ada, visibility="private")
    found = done(await ada.http.get("/v1/users", params={"username": bob.username.upper()}))["items"]
    assert [user["id"] for user in found] == [bob.id]
    assert (await add(ada, room, bob, "moderator"))["role"] == "moderator"
    assert (await add(bob, room, cyd))["role"] == "member"
    assert (await add(bob, room, dan, "member"))["role"] == "member"
    log = await log_of(ada, room)
    assert [(e["type"], e["user"], e["role"], e["actor"]) for e in log[1:]] == [
        ("member.joined", bob.ref, "moderator", ada.ref),
        ("member.joined", cyd.ref, "member", bob.ref),
        ("member.joined", dan.ref, "member", bob.ref),
    ]


@PUT
@pytest.mark.wire("member.role_changed")
async def test_owners_give_roles_and_a_repeat_is_no_event(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    before = await last_seq(ada, room)
    for role in ("moderator", "owner", "member", "owner"):
        assert (await add(ada, room, bob, role))["role"] == role
        assert (await add(ada, room, bob, role))["role"] == role
        assert (await add(ada, room, bob))["role"] == role, "without a role a present member keeps his"
    changes = await log_of(ada, room, after_seq=before)
    assert [(e["type"], e["user"], e["role"], e["actor"]) for e in changes] == [
        ("member.role_changed", bob.ref, role, ada.ref) for role in ("moderator", "owner", "member", "owner")
    ]
    assert (await read_room(bob, room))["me"]["role"] == "owner"


@PUT
@pytest.mark.wire("last_owner")
async def test_anyone_steps_down_but_the_last_owner(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    for role in ("moderator", "member"):
        refused(await ada.http.put(member_path(room, ada), json={"role": role}), "last_owner")
    refused(await ada.http.delete(member_path(room, ada)), "last_owner")
    assert await members(ada, room) == {ada.id: "owner", bob.id: "member"}
    await add(ada, room, bob, "owner")
    await add(ada, room, ada, "moderator")
    await add(ada, room, ada, "member")
    refused(await bob.http.put(member_path(room, bob), json={"role": "member"}), "last_owner")
    refused(await ada.http.put(member_path(room, ada), json={"role": "moderator"}), "forbidden")
    assert await members(ada, room) == {ada.id: "member", bob.id: "owner"}


@PUT
async def test_two_owners_who_step_down_at_once_leave_one(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    for _ in range(5):
        roles = await members(ada, room)
        for someone in (ada, bob):
            if roles[someone.id] != "owner":
                await add(bob if someone is ada else ada, room, someone, "owner")
        answers = await asyncio.gather(
            *(someone.http.put(member_path(room, someone), json={"role": "member"}) for someone in (ada, bob))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert sorted((await members(ada, room)).values()) == ["member", "owner"]


@DELETE
@pytest.mark.wire("member.left")
async def test_who_leaves_is_gone_and_comes_back_only_by_himself(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    await remove(bob, room, bob)
    log = await log_of(ada, room)
    assert (log[-1]["type"], log[-1]["user"], log[-1]["actor"]) == ("member.left", bob.ref, bob.ref)
    assert (await read_room(ada, room))["member_count"] == 1
    seen = await read_room(bob, room)
    assert seen["me"] is None
    refused(await bob.http.get(f"/v1/rooms/{room['id']}/messages"), "forbidden")
    refused(await ada.http.put(member_path(room, bob), json={}), "forbidden")
    refused(await ada.http.put(member_path(room, bob), json={"role": "moderator"}), "forbidden")
    refused(await ada.http.delete(member_path(room, bob)), "not_found")
    assert await last_seq(ada, room) == log[-1]["seq"]
    await join(bob, room)
    await remove(ada, room, bob)
    assert types(await log_of(ada, room))[-2:] == ["member.joined", "member.removed"]


@DELETE
async def test_who_left_a_private_room_can_be_added_again(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob, visibility="private")
    await remove(bob, room, bob)
    refused(await bob.http.put(member_path(room, bob), json={}), "not_found")
    assert (await add(ada, room, bob))["role"] == "member"
    await say(bob, room)


@DELETE
@pytest.mark.wire("member.removed")
async def test_a_removed_member_is_out_but_may_join_again(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    await remove(ada, room, bob)
    removed = (await log_of(ada, room))[-1]
    assert (removed["type"], removed["user"], removed["actor"]) == ("member.removed", bob.ref, ada.ref)
    refused(await bob.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "x"}), "forbidden")
    refused(await ada.http.delete(member_path(room, bob)), "not_found")
    await join(bob, room)
    await say(bob, room)


@PUT
@pytest.mark.wire("banned")
async def test_a_banned_user_can_be_added_by_nobody(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    for visibility, own in (("public", "banned"), ("private", "not_found")):
        room = await make_room(ada, bob, visibility=visibility)
        await ban(ada, room, bob)
        for body in ({}, {"role": "member"}, {"role": "moderator"}):
            refused(await ada.http.put(member_path(room, bob), json=body), "banned")
        refused(await bob.http.put(member_path(room, bob), json={}), own)
        refused(await ada.http.delete(member_path(room, bob)), "not_found")
        assert await members(ada, room) == {ada.id: "owner"}


@PUT
async def test_many_who_join_at_once_are_all_in_and_counted(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd, dan = await asyncio.gather(person(), person(), person(), person())
    room = await make_room(ada)
    await asyncio.gather(*(join(someone, room) for someone in (bob, cyd, dan) for _ in range(4)))
    assert (await read_room(ada, room))["member_count"] == 4
    log = await log_of(ada, room)
    assert types(log) == ["room.created"] + ["member.joined"] * 3
    assert {event["user"]["id"] for event in log[1:]} == {bob.id, cyd.id, dan.id}

"""`/v1/rooms/{room_id}/members` and `/bans` through the whole application."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import NOBODY
from tests.support.inside import Inside, Insider
from tests.support.problems import check_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def roles(person: Insider, room_id: str) -> dict[str, str]:
    items = (await person.http.get(f"/v1/rooms/{room_id}/members")).json()["items"]
    return {item["user"]["id"]: item["role"] for item in items}


async def test_one_joins_and_leaves_a_public_room_by_oneself(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    room_id = await ada.make_room()
    path = f"/v1/rooms/{room_id}/members/{bob.id}"
    answer = await bob.http.put(path)
    assert answer.status_code == 200, "a body is not needed"
    member = answer.json()
    assert member.keys() == {"user", "role", "joined_at"}
    assert member["user"] == {"id": bob.id, "username": bob.user.username, "display_name": bob.user.display_name}
    assert (await bob.http.put(path, json={"role": "member"})).json() == member
    assert await roles(bob, room_id) == {ada.id: "owner", bob.id: "member"}

    left = await bob.http.delete(path)
    assert (left.status_code, left.content) == (204, b"")
    for person in (ada, bob):
        check_problem(await person.http.delete(path), 404, "not_found")
    check_problem(await ada.http.put(path), 403, "forbidden")
    assert (await bob.http.put(path)).status_code == 200, "who left comes back by himself"


async def test_roles_are_given_by_who_may_and_one_owner_stays(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    room_id = await ada.make_room(bob)
    his, hers = f"/v1/rooms/{room_id}/members/{bob.id}", f"/v1/rooms/{room_id}/members/{ada.id}"
    check_problem(await bob.http.put(his, json={"role": "moderator"}), 403, "forbidden")
    check_problem(await ada.http.put(hers, json={"role": "member"}), 409, "last_owner")
    check_problem(await ada.http.delete(hers), 409, "last_owner")
    assert (await ada.http.put(his, json={"role": "owner"})).json()["role"] == "owner"
    assert (await ada.http.put(hers, json={"role": "member"})).json()["role"] == "member"
    assert await roles(ada, room_id) == {ada.id: "member", bob.id: "owner"}
    for body in ({"role": "king"}, {"role": 1}, {"name": "x"}, ["x"]):
        check_problem(await bob.http.put(hers, json=body), 422, "validation_error")
    check_problem(await bob.http.put(f"/v1/rooms/{room_id}/members/bob"), 422, "validation_error")
    check_problem(await bob.http.put(f"/v1/rooms/{room_id}/members/{NOBODY}"), 404, "not_found")


async def test_members_are_listed_in_pages_to_members(inside: Inside) -> None:
    people = [await inside.person() for _ in range(4)]
    ada, stranger = people[0], await inside.person()
    room_id = await ada.make_room(*people[1:])
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": 3}
    sizes = []
    while True:
        page = (await ada.http.get(f"/v1/rooms/{room_id}/members", params=params)).json()
        sizes.append(len(page["items"]))
        seen += [item["user"]["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert sizes == [3, 1]
    assert seen == sorted(person.id for person in people)
    check_problem(await stranger.http.get(f"/v1/rooms/{room_id}/members"), 403, "forbidden")
    private = await ada.make_room(visibility="private")
    check_problem(await stranger.http.get(f"/v1/rooms/{private}/members"), 404, "not_found")


async def test_a_banned_user_is_out_until_the_ban_ends(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    room_id = await ada.make_room(bob)
    ban, place = f"/v1/rooms/{room_id}/bans/{bob.id}", f"/v1/rooms/{room_id}/members/{bob.id}"
    check_problem(await bob.http.put(f"/v1/rooms/{room_id}/bans/{ada.id}"), 403, "forbidden")
    assert (await ada.http.put(ban, json={"reason": " noise "})).status_code == 204
    check_problem(await bob.http.put(place), 403, "banned")
    check_problem(await bob.http.get(f"/v1/rooms/{room_id}/members"), 403, "banned")

    page = (await ada.http.get(f"/v1/rooms/{room_id}/bans")).json()
    assert page["next_cursor"] is None
    (listed,) = page["items"]
    assert listed.keys() == {"user", "reason", "actor", "created_at"}
    assert (listed["user"]["id"], listed["reason"], listed["actor"]["id"]) == (bob.id, "noise", ada.id)

    assert (await ada.http.delete(ban)).status_code == 204
    assert (await ada.http.delete(ban)).status_code == 204, "it is so already"
    assert (await bob.http.put(place)).status_code == 200
    assert (await ada.http.get(f"/v1/rooms/{room_id}/bans")).json()["items"] == []


async def test_a_ban_needs_no_reason_and_no_member_but_somebody_else(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    room_id = await ada.make_room()
    assert (await ada.http.put(f"/v1/rooms/{room_id}/bans/{bob.id}")).status_code == 204
    (listed,) = (await ada.http.get(f"/v1/rooms/{room_id}/bans")).json()["items"]
    assert listed["reason"] == ""
    check_problem(await ada.http.put(f"/v1/rooms/{room_id}/bans/{ada.id}"), 403, "forbidden")
    check_problem(await ada.http.put(f"/v1/rooms/{room_id}/bans/{NOBODY}"), 404, "not_found")
    too_long = {"reason": "a" * 257}
    check_problem(await ada.http.put(f"/v1/rooms/{room_id}/bans/{bob.id}", json=too_long), 422, "validation_error")


async def test_bans_are_listed_in_pages_to_those_who_ban(inside: Inside) -> None:
    ada, bob, *others = [await inside.person() for _ in range(5)]
    room_id = await ada.make_room(bob)
    for other in others:
        assert (await ada.http.put(f"/v1/rooms/{room_id}/bans/{other.id}")).status_code == 204
    first = (await ada.http.get(f"/v1/rooms/{room_id}/bans", params={"limit": 2})).json()
    rest = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await ada.http.get(f"/v1/rooms/{room_id}/bans", params=rest)).json()
    assert second["next_cursor"] is None
    listed = [item["user"]["id"] for item in first["items"] + second["items"]]
    assert listed == sorted(other.id for other in others)
    check_problem(await bob.http.get(f"/v1/rooms/{room_id}/bans"), 403, "forbidden")
    check_problem(await bob.http.delete(f"/v1/rooms/{room_id}/bans/{listed[0]}"), 403, "forbidden")

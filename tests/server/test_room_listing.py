"""The lists of rooms: one's own, and the public ones."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import Json, done, join, read_room, refused, remove, say
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

pytestmark = pytest.mark.wire("GET /v1/rooms")


async def walk(person: Person, limit: int, **params: str) -> list[Json]:
    """Read a list of rooms page by page."""
    items: list[Json] = []
    cursor: str | None = None
    while True:
        query = {"limit": str(limit), **params} | ({"cursor": cursor} if cursor is not None else {})
        page = done(await person.http.get("/v1/rooms", params=query))
        assert page.keys() == {"items", "next_cursor"}
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
        assert len(page["items"]) == limit


async def test_one_sees_the_rooms_one_is_in_by_default(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    own = await make_room(ada)
    shared = await make_room(bob, ada, visibility="private")
    foreign = await make_room(bob)
    left = await make_room(bob, ada, visibility="private")
    await remove(ada, left, ada)
    await say(bob, shared)

    rooms = {item["id"]: item for item in await walk(ada, 50)}
    assert rooms.keys() - {own["id"], shared["id"]} == {next(i for i in rooms if rooms[i]["name"] == "general")}
    assert foreign["id"] not in rooms
    for room in rooms.values():
        assert room == await read_room(ada, room)
    assert rooms[shared["id"]]["me"]["unread_count"] == 1
    assert [item["id"] for item in await walk(ada, 50, scope="joined")] == list(rooms)


async def test_public_rooms_are_found_by_all_and_private_ones_by_none(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    mine, theirs = await make_room(ada), await make_room(bob)
    private = await make_room(ada, bob, visibility="private")
    for someone in (ada, bob):
        rooms = {item["id"]: item for item in await walk(someone, 200, scope="public")}
        assert {mine["id"], theirs["id"]} <= rooms.keys()
        assert private["id"] not in rooms
        assert "general" in {room["name"] for room in rooms.values()}
        assert {room["visibility"] for room in rooms.values()} == {"public"}
        assert rooms[mine["id"]] == await read_room(someone, mine)
    assert (await read_room(ada, theirs))["me"] is None
    await join(ada, theirs)
    (room,) = (item for item in await walk(ada, 200, scope="public") if item["id"] == theirs["id"])
    assert room["me"]["role"] == "member"
    assert room["member_count"] == 2


@pytest.mark.parametrize("scope", ["joined", "public"])
async def test_pages_hold_every_room_once(person: MakePerson, make_room: MakeRoom, scope: str) -> None:
    ada = await person()
    made = [(await make_room(ada))["id"] for _ in range(7)]
    for limit in (1, 3, 8) if scope == "joined" else (100, 200):
        ids = [room["id"] for room in await walk(ada, limit, scope=scope)]
        assert len(ids) == len(set(ids))
        assert set(made) <= set(ids)


async def test_rooms_made_while_one_pages_neither_repeat_nor_hide_others(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    before = {room["id"] for room in [await make_room(ada) for _ in range(4)]}
    first = done(await ada.http.get("/v1/rooms", params={"limit": 2}))
    for _ in range(3):
        await make_room(ada)
    ids, cursor = [room["id"] for room in first["items"]], first["next_cursor"]
    while cursor is not None:
        page = done(await ada.http.get("/v1/rooms", params={"limit": 2, "cursor": cursor}))
        ids += [room["id"] for room in page["items"]]
        cursor = page["next_cursor"]
    assert len(ids) == len(set(ids))
    assert before <= set(ids)


async def test_odd_questions_are_refused(person: MakePerson) -> None:
    ada = await person()
    for params in (
        {"scope": "all"},
        {"scope": ""},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"limit": "1.5"},
        {"limit": "9" * 5000},
    ):
        refused(await ada.http.get("/v1/rooms", params=params), "validation_error")
    for cursor in ("x", "AAAA", "' OR 1=1 --", "\x00", "é", "9" * 3000):
        refused(await ada.http.get("/v1/rooms", params={"cursor": cursor}), "validation_error", "bad_request")

"""The members of a room and its bans, page by page."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import TIME, Json, ban, done, join, read_room, refused, remove
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

MEMBERS = pytest.mark.wire("GET /v1/rooms/{room_id}/members")


async def page_of(person: Person, room: Json, cursor: str | None, limit: int) -> tuple[list[str], str | None]:
    """Read one page of members; gives their ids and the next cursor."""
    params: dict[str, str] = {"limit": str(limit)} | ({"cursor": cursor} if cursor is not None else {})
    page = done(await person.http.get(f"/v1/rooms/{room['id']}/members", params=params))
    assert page.keys() == {"items", "next_cursor"}
    assert len(page["items"]) <= limit
    for item in page["items"]:
        assert item.keys() == {"user", "role", "joined_at"}
        assert item["user"].keys() == {"id", "username", "display_name"}
        assert TIME.fullmatch(item["joined_at"])
    return [item["user"]["id"] for item in page["items"]], page["next_cursor"]


async def walk(person: Person, room: Json, limit: int) -> list[str]:
    """Read all members."""
    ids, cursor = await page_of(person, room, None, limit)
    while cursor is not None:
        more, cursor = await page_of(person, room, cursor, limit)
        ids += more
    return ids


@MEMBERS
async def test_pages_hold_every_member_once(person: MakePerson, make_room: MakeRoom) -> None:
    people = await asyncio.gather(*(person() for _ in range(6)))
    room = await make_room(*people)
    for limit in (1, 2, 3, 6, 7, 200):
        ids = await walk(people[3], room, limit)
        assert len(ids) == 6
        assert set(ids) == {someone.id for someone in people}
    assert (await read_room(people[0], room))["member_count"] == 6


@MEMBERS
async def test_who_comes_or_goes_meanwhile_neither_repeats_nor_hides_others(
    person: MakePerson, make_room: MakeRoom
) -> None:
    people = await asyncio.gather(*(person() for _ in range(7)))
    ada, *others, late = people
    room = await make_room(ada, *others)
    ids, cursor = await page_of(ada, room, None, 2)
    gone = next(someone for someone in others if someone.id in ids)
    await remove(ada, room, gone)
    await join(late, room)
    while cursor is not None:
        more, cursor = await page_of(ada, room, cursor, 2)
        ids += more
    assert len(ids) == len(set(ids))
    assert set(ids) >= {ada.id, *(someone.id for someone in others)}


@MEMBERS
async def test_odd_questions_are_refused(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    path = f"/v1/rooms/{room['id']}/members"
    for limit in ("0", "201", "-5", "x", "1.5"):
        refused(await ada.http.get(path, params={"limit": limit}), "validation_error")
    for cursor in ("x", "AAAA", "' OR 1=1 --", "\x00", "9" * 3000):
        refused(await ada.http.get(path, params={"cursor": cursor}), "validation_error", "bad_request")


@MEMBERS
async def test_the_default_is_fifty(person: MakePerson) -> None:
    ada, _ = await asyncio.gather(person(), person())
    (general,) = (item for item in done(await ada.http.get("/v1/rooms"))["items"] if item["name"] == "general")
    page = done(await ada.http.get(f"/v1/rooms/{general['id']}/members"))
    assert len(page["items"]) == min(50, general["member_count"])
    assert (page["next_cursor"] is None) == (general["member_count"] <= 50)


@pytest.mark.wire("GET /v1/rooms/{room_id}/bans")
async def test_all_bans_are_found(person: MakePerson, make_room: MakeRoom) -> None:
    people = await asyncio.gather(*(person() for _ in range(4)))
    ada, *others = people
    room = await make_room(ada)
    for number, someone in enumerate(others):
        await ban(ada, room, someone, reason=f"reason {number}")
    page = done(await ada.http.get(f"/v1/rooms/{room['id']}/bans"))
    assert page["next_cursor"] is None
    assert {(item["user"]["id"], item["reason"]) for item in page["items"]} == {
        (someone.id, f"reason {number}") for number, someone in enumerate(others)
    }

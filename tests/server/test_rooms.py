"""Rooms: making, reading, changing and deleting them, and whose name is whose."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.server.conversation import (
    NOBODY,
    ROOM_FIELDS,
    TIME,
    UUID7,
    Json,
    add,
    done,
    join,
    last_seq,
    log_of,
    read_room,
    refused,
    say,
    types,
)
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import Person


@pytest.mark.wire("POST /v1/rooms")
@pytest.mark.wire("room.created")
async def test_the_creator_owns_a_new_room_and_its_log_begins_with_room_created(person: MakePerson) -> None:
    ada = await person()
    wanted = {"name": f"Tea {secrets.token_hex(4)}", "topic": "green, mostly", "visibility": "private"}
    room = done(await ada.http.post("/v1/rooms", json=wanted), status=201)

    assert room.keys() == ROOM_FIELDS
    assert room.items() >= wanted.items()
    assert UUID7.fullmatch(room["id"])
    assert TIME.fullmatch(room["created_at"])
    assert room["last_seq"] == 1
    assert room["member_count"] == 1
    assert room["me"].keys() == {"role", "read_seq", "unread_count", "joined_at"}
    assert (room["me"]["role"], room["me"]["unread_count"]) == ("owner", 0)
    assert TIME.fullmatch(room["me"]["joined_at"])

    (created,) = await log_of(ada, room)
    assert (created["type"], created["seq"], created["room_id"]) == ("room.created", 1, room["id"])
    assert created["actor"] == ada.ref
    assert created["room"] == {"id": room["id"], **wanted}
    assert TIME.fullmatch(created["at"])
    assert await read_room(ada, room) == room


@pytest.mark.wire("POST /v1/rooms")
async def test_a_topic_may_be_left_out_and_a_room_needs_a_name_and_a_known_visibility(person: MakePerson) -> None:
    ada = await person()
    name = f"room {secrets.token_hex(4)}"
    room = done(await ada.http.post("/v1/rooms", json={"name": name, "visibility": "public"}), status=201)
    assert room["topic"] == ""
    bodies: tuple[object, ...] = (
        {"visibility": "public"},
        {"name": "no visibility"},
        {"name": "odd visibility", "visibility": "secret"},
        {"name": None, "visibility": "public"},
        {"name": 7, "visibility": "public"},
        {"name": "more", "visibility": "public", "owner": ada.id},
        {"name": "more", "visibility": "public", "id": NOBODY},
        [],
        "room",
    )
    for body in bodies:
        refused(await ada.http.post("/v1/rooms", json=body), "validation_error")
    joined = done(await ada.http.get("/v1/rooms"))["items"]
    assert {item["name"] for item in joined} == {"general", name}


@pytest.mark.wire("GET /v1/rooms/{room_id}")
async def test_anyone_reads_a_public_room_and_members_what_they_are_in_it(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada)
    assert await read_room(ada, room) == room
    assert await read_room(bob, room) == room | {"me": None}
    await join(bob, room)
    seen = await read_room(bob, room)
    assert seen == room | {"member_count": 2, "last_seq": 2, "me": seen["me"]}
    assert seen["me"]["role"] == "member"
    assert (await read_room(ada, room))["me"] == room["me"] | {"unread_count": 0}


@pytest.mark.wire("PATCH /v1/rooms/{room_id}")
@pytest.mark.wire("room.updated")
async def test_a_changed_room_says_so_in_its_log_and_an_unchanged_one_does_not(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    room = await make_room(ada, topic="old")
    path = f"/v1/rooms/{room['id']}"

    name = f"new {secrets.token_hex(4)}"
    changed = done(await ada.http.patch(path, json={"name": name}))
    assert changed == await read_room(ada, room)
    assert (changed["name"], changed["topic"], changed["last_seq"]) == (name, "old", 2)
    changed = done(await ada.http.patch(path, json={"topic": "new"}))
    assert (changed["name"], changed["topic"], changed["last_seq"]) == (name, "new", 3)
    for same in ({}, {"name": name}, {"topic": "new"}, {"name": f"  {name} ", "topic": "new"}):
        assert done(await ada.http.patch(path, json=same)) == changed
    cleared = done(await ada.http.patch(path, json={"topic": ""}))
    assert (cleared["topic"], cleared["last_seq"]) == ("", 4)

    log = await log_of(ada, room)
    assert types(log) == ["room.created"] + ["room.updated"] * 3
    kept = {"id": room["id"], "visibility": "public", "name": name}
    assert log[0]["room"] == {"id": room["id"], "visibility": "public", "name": room["name"], "topic": "old"}
    assert [event["room"] for event in log[1:]] == [kept | {"topic": topic} for topic in ("old", "new", "")]
    assert all(event["actor"] == ada.ref for event in log)


@pytest.mark.wire("PATCH /v1/rooms/{room_id}")
async def test_only_name_and_topic_can_be_changed(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    bodies: tuple[object, ...] = (
        {"visibility": "private"},
        {"name": "x", "epoch": "y"},
        {"last_seq": 9},
        {"me": 1},
        [],
    )
    for body in bodies:
        refused(await ada.http.patch(f"/v1/rooms/{room['id']}", json=body), "validation_error")
    assert await read_room(ada, room) == room


@pytest.mark.wire("room_name_taken")
async def test_public_names_are_unique_casefolded_among_living_rooms(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    mark = secrets.token_hex(4)
    room = await make_room(ada, name=f"Große Straße {mark}")
    twin = f"GROSSE STRASSE {mark.upper()}"
    for taken in (room["name"], twin, f" {twin.lower()}  ", "General"):
        refused(await bob.http.post("/v1/rooms", json={"name": taken, "visibility": "public"}), "room_name_taken")

    private = await make_room(bob, name=twin, visibility="private")
    await make_room(bob, name=twin, visibility="private")  # private names are nobody's
    other = await make_room(bob)
    refused(await bob.http.patch(f"/v1/rooms/{other['id']}", json={"name": twin}), "room_name_taken")
    assert await read_room(bob, other) == other
    assert done(await bob.http.patch(f"/v1/rooms/{private['id']}", json={"name": room["name"]}))["name"] == room["name"]
    assert done(await ada.http.patch(f"/v1/rooms/{room['id']}", json={"name": twin}))["name"] == twin

    done(await ada.http.delete(f"/v1/rooms/{room['id']}"), status=204)
    assert done(await bob.http.patch(f"/v1/rooms/{other['id']}", json={"name": twin}))["name"] == twin


@pytest.mark.wire("room_name_taken")
async def test_of_many_who_take_one_public_name_at_once_one_gets_it(person: MakePerson) -> None:
    ada = await person()
    body = {"name": f"race {secrets.token_hex(4)}", "visibility": "public"}
    answers = await asyncio.gather(*(ada.http.post("/v1/rooms", json=body) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    for answer in answers:
        if answer.status_code == 409:
            refused(answer, "room_name_taken")


async def everything_below(ada: Person, room: Json, message: Json) -> list[int]:
    """Ask for everything that an owner can do with a room; gives the statuses."""
    path, mine = f"/v1/rooms/{room['id']}", f"/v1/messages/{message['id']}"
    http = ada.http
    answers = [
        await http.get(path),
        await http.patch(path, json={"topic": "x"}),
        await http.get(f"{path}/members"),
        await http.put(f"{path}/members/{ada.id}", json={}),
        await http.delete(f"{path}/members/{ada.id}"),
        await http.get(f"{path}/bans"),
        await http.put(f"{path}/bans/{NOBODY}", json={}),
        await http.delete(f"{path}/bans/{NOBODY}"),
        await http.post(f"{path}/messages", json={"body": "x"}),
        await http.get(f"{path}/messages"),
        await http.get(f"{path}/events?after_seq=0"),
        await http.put(f"{path}/read", json={"seq": 1}),
        await http.patch(mine, json={"body": "x"}),
        await http.delete(mine),
        await http.delete(path),
    ]
    for answer in answers:
        refused(answer, "not_found", "validation_error")
    return [answer.status_code for answer in answers]


@pytest.mark.wire("DELETE /v1/rooms/{room_id}")
async def test_below_a_deleted_room_all_is_404_for_everybody(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    message = await say(ada, room)
    done(await ada.http.delete(f"/v1/rooms/{room['id']}"), status=204)
    assert set(await everything_below(ada, room, message)) == {404}
    assert set(await everything_below(bob, room, message)) == {404}
    for scope in ("joined", "public"):
        items = done(await ada.http.get("/v1/rooms", params={"scope": scope, "limit": 200}))["items"]
        assert room["id"] not in {item["id"] for item in items}


@pytest.mark.wire("not_found")
async def test_ids_that_nothing_has_are_404_and_what_is_no_id_is_422(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    assert set(await everything_below(ada, {"id": NOBODY}, {"id": NOBODY})) == {404}
    assert set(await everything_below(ada, {"id": "no-uuid"}, {"id": "12"})) == {422}
    path = f"/v1/rooms/{room['id']}"
    for user_id, code in ((NOBODY, "not_found"), ("nobody", "validation_error")):
        refused(await ada.http.put(f"{path}/members/{user_id}", json={}), code)
        refused(await ada.http.delete(f"{path}/members/{user_id}"), code)
        refused(await ada.http.put(f"{path}/bans/{user_id}", json={}), code)
    assert await last_seq(ada, room) == 1


@pytest.mark.wire("too_many_rooms")
async def test_a_user_is_in_at_most_so_many_rooms(
    person: MakePerson, make_room: MakeRoom, server_with: MakeServer
) -> None:
    """The default room counts; whoever leaves one can enter another."""
    small = server_with(MAX_ROOMS_PER_USER="3")
    ada, bob = await asyncio.gather(person(server=small), person(server=small))
    first, second = await make_room(ada), await make_room(ada)
    third = {"name": f"third {secrets.token_hex(4)}", "visibility": "public"}
    refused(await ada.http.post("/v1/rooms", json=third), "too_many_rooms")

    room = await make_room(bob)
    refused(await ada.http.put(f"/v1/rooms/{room['id']}/members/{ada.id}", json={}), "too_many_rooms")
    refused(await bob.http.put(f"/v1/rooms/{room['id']}/members/{ada.id}", json={}), "too_many_rooms")
    assert len(done(await ada.http.get("/v1/rooms"))["items"]) == 3
    assert await last_seq(bob, room) == 1

    done(await ada.http.put(f"/v1/rooms/{first['id']}/members/{ada.id}", json={}))  # where one is, one may be
    await add(ada, first, bob, role="owner")
    done(await ada.http.delete(f"/v1/rooms/{first['id']}/members/{ada.id}"), status=204)
    await join(ada, room)
    done(await ada.http.delete(f"/v1/rooms/{second['id']}"), status=204)
    done(await ada.http.post("/v1/rooms", json=third), status=201)

"""A room's log over REST."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.server.conversation import (
    Json,
    add,
    ban,
    delete,
    done,
    edit,
    join,
    log_of,
    read_room,
    refused,
    remove,
    say,
    send,
    seqs,
    types,
    unban,
)
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

pytestmark = pytest.mark.wire("GET /v1/rooms/{room_id}/events")


async def events_of(person: Person, room: Json, **params: str | int) -> Json:
    """Read one page of a room's log."""
    page = done(await person.http.get(f"/v1/rooms/{room['id']}/events", params=params))
    assert page.keys() == {"items", "last_seq", "epoch", "has_more"}
    return page


async def test_the_log_holds_everything_that_happened_in_order(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada)
    await join(bob, room)
    first = await say(bob, room, "first")
    await add(ada, room, bob, "moderator")
    await add(bob, room, cyd)
    await remove(bob, room, cyd)
    await ban(bob, room, cyd)
    await unban(ada, room, cyd)
    edited = await edit(bob, first, "second")
    done(await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "new"}))
    gone = await say(ada, room, "gone")
    await delete(ada, gone)
    await remove(bob, room, bob)

    page = await events_of(ada, room, after_seq=0)
    log = page["items"]
    assert (page["last_seq"], page["epoch"], page["has_more"]) == (13, room["epoch"], False)
    assert [(event["type"], event["actor"]["username"]) for event in log] == [
        ("room.created", ada.username),
        ("member.joined", bob.username),
        ("message.created", bob.username),
        ("member.role_changed", ada.username),
        ("member.joined", bob.username),
        ("member.removed", bob.username),
        ("member.banned", bob.username),
        ("member.unbanned", ada.username),
        ("message.edited", bob.username),
        ("room.updated", ada.username),
        ("message.created", ada.username),
        ("message.deleted", ada.username),
        ("member.left", bob.username),
    ]
    assert seqs(log) == list(range(1, 14))
    payload = {
        "room.": {"room"},
        "message.": {"message"},
        "member.joined": {"user", "role"},
        "member.role_changed": {"user", "role"},
    }
    for event in log:
        kinds = [fields for kind, fields in payload.items() if event["type"].startswith(kind)] or [{"user"}]
        assert event.keys() == {"type", "room_id", "seq", "at", "actor"} | kinds[0], event
    assert [log[i]["user"]["id"] for i in (4, 5, 6, 7)] == [cyd.id] * 4
    assert log[2]["message"] == log[8]["message"] == edited
    assert log[10]["message"] == log[11]["message"]
    assert [event["at"] for event in log] == sorted(event["at"] for event in log)


async def test_pages_complete_the_log_from_any_seq(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for number in range(60):
        await send(socket, room, f"number {number}")
    whole = await log_of(ada, room)
    assert len(whole) == 61
    first = await events_of(ada, room, after_seq=0)
    assert (first["items"], first["has_more"]) == (whole[:50], True), "50 unless told"
    for after, limit, more in ((0, 61, False), (0, 60, True), (10, 5, True), (56, 5, False), (60, 1, False)):
        page = await events_of(ada, room, after_seq=after, limit=limit, epoch=room["epoch"])
        assert page == {
            "items": whole[after : after + limit],
            "has_more": more,
            "last_seq": 61,
            "epoch": room["epoch"],
        }
    end = await events_of(ada, room, after_seq=61, limit=200)
    assert (end["items"], end["has_more"], end["last_seq"]) == ([], False, 61)


async def test_a_page_ends_early_at_256_kib(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for _ in range(40):
        await send(socket, room, "\U0001f600" * 4000)
    found: list[Json] = []
    more = True
    while more:
        page = await events_of(ada, room, after_seq=len(found), limit=200)
        assert page["items"]
        size = len(json.dumps(page["items"], ensure_ascii=False, separators=(",", ":")).encode())
        assert size < 256 * 1024 + 17_000
        more = page["has_more"]
        assert not more or size > 256 * 1024 - 17_000
        found += page["items"]
    assert seqs(found) == list(range(1, 42))


@pytest.mark.wire("resync_required")
async def test_another_epoch_or_a_seq_of_the_future_asks_for_a_resync(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    await say(ada, room)
    path = f"/v1/rooms/{room['id']}/events"
    wrong = room["epoch"][::-1] + "x" if isinstance(room["epoch"], str) else room["epoch"] + 1
    for params in ({"after_seq": 3}, {"after_seq": 2**53 - 1}, {"after_seq": 0, "epoch": wrong}):
        refused(await ada.http.get(path, params=params), "resync_required")
    assert types((await events_of(ada, room, after_seq=1, epoch=room["epoch"]))["items"]) == ["message.created"]


async def test_two_rooms_have_two_logs(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    first, second = await make_room(ada), await make_room(ada)
    await asyncio.gather(*(say(ada, room, room["name"]) for room in (first, second) for _ in range(5)))
    for room in (first, second):
        log = await log_of(ada, room)
        assert {event["room_id"] for event in log} == {room["id"]}
        assert [event["message"]["body"] for event in log[1:]] == [room["name"]] * 5
        assert (await read_room(ada, room))["last_seq"] == 6


async def test_odd_questions_are_refused(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    path = f"/v1/rooms/{room['id']}/events"
    for query in ("after_seq=-1", "after_seq=x", "after_seq=0&limit=0", "after_seq=0&limit=201", "after_seq=0&limit=x"):
        refused(await ada.http.get(f"{path}?{query}"), "validation_error")
    refused(await ada.http.get(path, params={"after_seq": "9" * 40}), "validation_error", "resync_required")

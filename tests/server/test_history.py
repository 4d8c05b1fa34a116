"""`history.get`: a room's log on a socket, for those who were away."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.server.conversation import (
    NOBODY,
    Json,
    delete,
    edit,
    heard,
    log_of,
    read_room,
    say,
    send,
    seqs,
    types,
)
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.sockets import Socket

pytestmark = pytest.mark.wire("history.get")


async def catch_up(socket: Socket, room: Json, after_seq: int, limit: int = 200) -> list[Json]:
    """Read all pages of a room's log above this seq on a socket."""
    items: list[Json] = []
    while True:
        page = await socket.ok(
            "history.get", room_id=room["id"], after_seq=after_seq + len(items), epoch=room["epoch"], limit=limit
        )
        assert page.keys() == {"room_id", "items", "last_seq", "epoch", "has_more"}
        assert (page["room_id"], page["epoch"]) == (room["id"], room["epoch"])
        items += page["items"]
        assert page["last_seq"] >= after_seq + len(items)
        if not page["has_more"]:
            return items
        assert 0 < len(page["items"]) <= limit


async def test_it_is_the_log_that_rest_shows(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    first = await say(ada, room, "first")
    await edit(ada, first, "second")
    await delete(ada, first)
    socket = await bob.connect()
    whole = await log_of(ada, room)
    assert types(whole)[2:] == ["message.created", "message.edited", "message.deleted"]
    for limit in (1, 2, 5, 200):
        assert await catch_up(socket, room, 0, limit=limit) == whole
    assert await catch_up(socket, room, 3) == whole[3:]
    assert await catch_up(socket, room, 5) == []
    plain = await socket.ok("history.get", room_id=room["id"], after_seq=4)
    assert plain == {
        "room_id": room["id"],
        "items": whole[4:],
        "last_seq": 5,
        "epoch": room["epoch"],
        "has_more": False,
    }


async def test_fifty_at_a_time_unless_told_and_at_most_200(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    ids = [await socket.post("message.send", room_id=room["id"], body=f"number {n}") for n in range(210)]
    for command_id in ids:
        await socket.answer(command_id)
    for limit, count in ((None, 50), (1, 1), (200, 200)):
        fields = {} if limit is None else {"limit": limit}
        page = await socket.ok("history.get", room_id=room["id"], after_seq=0, **fields)
        assert (seqs(page["items"]), page["has_more"]) == (list(range(1, count + 1)), True)
        assert page["last_seq"] == 211
    for odd in (0, 201, -1, 1.5, "x"):
        error = await socket.error("history.get", room_id=room["id"], after_seq=0, limit=odd)
        assert error["code"] == "validation_error", odd
    for after in (-1, "x", None, 0.5):
        error = await socket.error("history.get", room_id=room["id"], after_seq=after)
        assert error["code"] == "validation_error", after
    assert (await socket.error("history.get", room_id=room["id"]))["code"] == "validation_error"
    assert (await socket.error("history.get", room_id=NOBODY, after_seq=0))["code"] == "not_found"


async def test_a_page_ends_early_at_256_kib(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for _ in range(40):
        await send(socket, room, "\U0001f600" * 4000)
    page = await socket.ok("history.get", room_id=room["id"], after_seq=0, limit=200)
    size = len(json.dumps(page["items"], ensure_ascii=False, separators=(",", ":")).encode())
    assert page["has_more"]
    assert 256 * 1024 - 17_000 < size < 256 * 1024 + 17_000
    assert seqs(await catch_up(socket, room, 0)) == list(range(1, 42))


@pytest.mark.wire("resync_required")
async def test_it_never_pretends(person: MakePerson, make_room: MakeRoom) -> None:
    """Another epoch, or a seq that the room has not reached, is answered with `resync_required`."""
    ada = await person()
    room = await make_room(ada)
    await say(ada, room)
    socket = await ada.connect()
    wrong = room["epoch"][::-1] + "x" if isinstance(room["epoch"], str) else room["epoch"] + 1
    for fields in ({"after_seq": 3}, {"after_seq": 2**53 - 1}, {"after_seq": 0, "epoch": wrong}):
        error = await socket.error("history.get", room_id=room["id"], **fields)
        assert (error["code"], error["retryable"]) == ("resync_required", False)
    assert len(await catch_up(socket, room, 0)) == 2


async def test_history_and_the_live_stream_meet_at_the_welcomes_cursor(person: MakePerson, make_room: MakeRoom) -> None:
    """Again and again: go away in the middle of traffic, come back, catch up, and have every event once."""
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    writer = await ada.connect()
    stop = asyncio.Event()

    async def talk() -> int:
        seq = 0
        while not stop.is_set():
            seq = (await send(writer, room))["seq"]
        return seq

    talking = asyncio.create_task(talk())
    seen: list[int] = []
    for _ in range(10):
        socket = await bob.connect()
        (there,) = (item for item in socket.welcome["rooms"] if item["id"] == room["id"])
        cursor = there["last_seq"]
        missed = await catch_up(socket, room, len(seen))
        assert len(seen) + len(missed) >= cursor
        live = await heard(socket, room, cursor + 20)
        assert seqs(live) == list(range(cursor + 1, cursor + 21)), "above the cursor there is no gap"
        seen += seqs(missed)
        seen += [seq for seq in seqs(live) if seq > len(seen)]
        await socket.close()
    stop.set()
    last = await talking
    assert seen == list(range(1, len(seen) + 1))
    assert (await read_room(ada, room))["last_seq"] == last

"""Pages of messages: which, in what order, how many, and what is more."""

from __future__ import annotations

import json

import pytest

from tests.server.conversation import Json, add, delete, done, edit, refused, say, send, seqs
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

pytestmark = pytest.mark.wire("GET /v1/rooms/{room_id}/messages")

PAGE_BYTES = 256 * 1024


async def page_of(person: Person, room: Json, **params: int) -> tuple[list[Json], bool]:
    """Read one page of messages."""
    page = done(await person.http.get(f"/v1/rooms/{room['id']}/messages", params=params))
    assert page.keys() == {"items", "has_more"}
    assert seqs(page["items"]) == sorted(set(seqs(page["items"]))), "oldest first"
    return page["items"], page["has_more"]


async def test_without_a_bound_it_is_the_newest_and_a_bound_gives_the_nearest(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await person(), await person()
    room = await make_room(ada)
    messages = [await say(ada, room, f"number {number}") for number in range(4)]
    await add(ada, room, bob)  # an event between them that is no message
    messages += [await say(bob, room, f"number {number}") for number in range(4, 8)]
    first, last = messages[0]["seq"], messages[-1]["seq"]
    assert seqs(messages) == [2, 3, 4, 5, 7, 8, 9, 10]

    assert await page_of(ada, room) == (messages, False)
    assert await page_of(ada, room, limit=8) == (messages, False)
    assert await page_of(ada, room, limit=3) == (messages[-3:], True)
    assert await page_of(ada, room, before_seq=8, limit=3) == (messages[2:5], True)
    assert await page_of(ada, room, before_seq=4, limit=2) == (messages[:2], False)
    assert await page_of(ada, room, before_seq=4, limit=1) == (messages[1:2], True)
    assert await page_of(ada, room, before_seq=first) == ([], False)
    assert await page_of(ada, room, before_seq=last + 1, limit=8) == (messages, False)
    assert await page_of(ada, room, after_seq=0, limit=3) == (messages[:3], True)
    assert await page_of(ada, room, after_seq=5, limit=3) == (messages[4:7], True)
    assert await page_of(ada, room, after_seq=6, limit=4) == (messages[4:], False)
    assert await page_of(ada, room, after_seq=last) == ([], False)


async def walk(person: Person, room: Json, direction: str, limit: int) -> tuple[list[Json], list[int]]:
    """Read a room's messages page by page, from one end to the other; gives them, and how many each page had."""
    found: list[Json] = []
    counts: list[int] = []
    more = True
    while more:
        if direction == "after":
            items, more = await page_of(person, room, after_seq=found[-1]["seq"] if found else 0, limit=limit)
            found += items
        else:
            bound = {"before_seq": found[0]["seq"]} if found else {}
            items, more = await page_of(person, room, limit=limit, **bound)
            found = items + found
        assert items
        counts.append(len(items))
    return found, counts


@pytest.mark.parametrize("direction", ["before", "after"])
async def test_walking_either_way_meets_every_message_once(
    person: MakePerson, make_room: MakeRoom, direction: str
) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    messages = [await send(socket, room, f"number {number}") for number in range(60)]
    assert await page_of(ada, room) == (messages[10:], True), "50 unless told"
    assert await walk(ada, room, direction, limit=7) == (messages, [7] * 8 + [4])


@pytest.mark.parametrize("direction", ["before", "after"])
async def test_a_page_ends_early_at_256_kib_but_has_all_in_the_end(
    person: MakePerson, make_room: MakeRoom, direction: str
) -> None:
    """A body of 4,000 emoji is 16 kB, as UTF-8: sixteen of them or so fill a page."""
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    messages = [await send(socket, room, "\U0001f600" * 3998 + f"{number:02}") for number in range(40)]
    size = len(json.dumps(messages[0], ensure_ascii=False, separators=(",", ":")).encode())
    found, counts = await walk(ada, room, direction, limit=50)
    assert found == messages
    for count in counts:
        assert count * size < PAGE_BYTES + size
    for count in counts[:-1]:
        assert count * size > PAGE_BYTES - size


async def test_a_page_shows_messages_as_they_are_now(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    kept, changed, gone = [await say(ada, room, body) for body in ("kept", "wrong", "gone")]
    edited = await edit(ada, changed, "right")
    await delete(ada, gone)
    items, more = await page_of(ada, room)
    assert not more
    assert items[:2] == [kept, edited]
    assert seqs(items) == [2, 3, 4], "a changed message keeps its place"
    assert (items[2]["body"], items[2]["revision"]) == ("", 6)


async def test_odd_bounds_are_refused(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    path = f"/v1/rooms/{room['id']}/messages"
    for query in (
        *("before_seq=5&after_seq=1", "limit=0", "limit=201", "limit=-1", "limit=x", "limit=1.5"),
        *("after_seq=-1", "after_seq=x", "before_seq=x", "after_seq=1e3", f"after_seq={'9' * 40}"),
        f"before_seq={'9' * 5000}",
    ):
        refused(await ada.http.get(f"{path}?{query}"), "validation_error")
    done(await ada.http.get(f"{path}?limit=200"))
    done(await ada.http.get(f"{path}?limit=1"))

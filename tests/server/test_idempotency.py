"""A message sent again with its key is the same message, whatever happened in between."""

from __future__ import annotations

import asyncio
import secrets

import httpx2
import pytest

from tests.server.conversation import (
    Json,
    ban,
    delete,
    done,
    edit,
    heard,
    last_seq,
    log_of,
    refused,
    remove,
    say,
    send,
    types,
)
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

pytestmark = pytest.mark.wire("POST /v1/rooms/{room_id}/messages")


async def post(person: Person, room: Json, body: str, key: str) -> httpx2.Response:
    """Post with an Idempotency-Key."""
    return await person.http.post(
        f"/v1/rooms/{room['id']}/messages", json={"body": body}, headers={"Idempotency-Key": key}
    )


async def test_a_repeat_gives_the_first_message_over_rest_and_socket(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    first = done(await post(ada, room, "once", "k1"), status=201)
    assert first["idempotency_key"] == "k1"
    assert done(await post(ada, room, "once", "k1"), status=200) == first
    command = {"room_id": room["id"], "body": "once", "idempotency_key": "k1"}
    for _ in range(2):
        assert await socket.ok("message.send", **command) == {"message": first, "duplicate": True}

    second = await send(socket, room, "twice", idempotency_key="k2")
    assert done(await post(ada, room, "twice", "k2"), status=200) == second
    assert types(await log_of(ada, room)) == ["room.created", "message.created", "message.created"]


async def test_without_a_key_the_same_body_is_another_message(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    first, second = await say(ada, room, "same"), await say(ada, room, "same")
    assert (first["id"], first["seq"]) != (second["id"], second["seq"])


@pytest.mark.wire("idempotency_conflict")
async def test_another_body_or_room_is_a_conflict_and_changes_nothing(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room, other = await make_room(ada), await make_room(ada)
    socket = await ada.connect()
    first = done(await post(ada, room, "once", "k"), status=201)
    refused(await post(ada, room, "twice", "k"), "idempotency_conflict")
    refused(await post(ada, other, "once", "k"), "idempotency_conflict")
    for target, body in ((room, "twice"), (other, "once")):
        error = await socket.error("message.send", room_id=target["id"], body=body, idempotency_key="k")
        assert (error["code"], error["retryable"]) == ("idempotency_conflict", False)
    assert (await last_seq(ada, room), await last_seq(ada, other)) == (2, 1)
    assert done(await ada.http.get(f"/v1/rooms/{room['id']}/messages"))["items"] == [first]


async def test_a_key_is_its_users_own(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    mine = done(await post(ada, room, "mine", "k"), status=201)
    theirs = done(await post(bob, room, "theirs", "k"), status=201)
    same = done(await post(ada, room, "mine", "k"), status=200)
    assert same == mine
    assert (theirs["body"], theirs["author"]) == ("theirs", bob.ref)
    done(await post(ada, room, "the same", "k2"), status=201)
    copied = done(await post(bob, room, "the same", "k2"), status=201)
    assert (copied["author"], copied["seq"]) == (bob.ref, 6)


async def test_a_key_is_one_to_64_visible_ascii_characters(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for key in ("!", "~" * 64, "".join(map(chr, range(0x21, 0x5F))), "';DROP--", secrets.token_hex(32)):
        fitting = key[:64]
        assert done(await post(ada, room, "x", fitting), status=201)["idempotency_key"] == fitting
        again = await socket.ok("message.send", room_id=room["id"], body="x", idempotency_key=fitting)
        assert again["duplicate"] is True
    before = await last_seq(ada, room)
    for key in ("a b", "k" * 65, "k\ttab"):
        refused(await post(ada, room, "x", key), "validation_error")
    for odd in ("", " ", "a b", "k" * 65, "k\u00e9", "k\n", "\x7f", 7, ["k"]):
        error = await socket.error("message.send", room_id=room["id"], body="x", idempotency_key=odd)
        assert error["code"] == "validation_error", odd
    assert await last_seq(ada, room) == before


async def test_fifty_at_once_make_one_message(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    reader = await bob.connect()
    for number in range(3):
        answers = await asyncio.gather(*(post(ada, room, "once", f"k{number}") for _ in range(50)))
        assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
        messages = [answer.json() for answer in answers]
        assert messages == [messages[0]] * 50
    assert await last_seq(ada, room) == 5
    assert types(await heard(reader, room, 5)) == ["message.created"] * 3


async def test_fifty_pipelined_and_more_by_rest_make_one_message(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    first, second = await ada.connect(), await ada.connect()
    command = {"room_id": room["id"], "body": "once", "idempotency_key": "k"}
    sent = [(socket, await socket.post("message.send", **command)) for _ in range(25) for socket in (first, second)]
    posted = await asyncio.gather(*(post(ada, room, "once", "k") for _ in range(20)))
    acks = [(await socket.answer(command_id))["result"] for socket, command_id in sent]
    made = [ack["duplicate"] for ack in acks].count(False) + [answer.status_code for answer in posted].count(201)
    assert made == 1
    messages = [ack["message"] for ack in acks] + [answer.json() for answer in posted]
    assert messages == [messages[0]] * 70
    assert await last_seq(ada, room) == messages[0]["seq"] == 3


async def test_one_key_for_many_bodies_at_once_takes_the_first(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    answers = await asyncio.gather(*(post(ada, room, f"body {number}", "k") for number in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert await last_seq(ada, room) == 2


async def test_a_key_is_looked_at_before_membership(person: MakePerson, make_room: MakeRoom) -> None:
    """Who has left or was banned still learns that his message was taken, and sends nothing new."""
    ada, bob = await asyncio.gather(person(), person())
    for away in (remove, ban):
        room = await make_room(ada, bob)
        key = secrets.token_hex(8)
        first = done(await post(bob, room, "once", key), status=201)
        await away(ada, room, bob)
        before = await last_seq(ada, room)
        assert done(await post(bob, room, "once", key), status=200) == first
        socket = await bob.connect()
        again = await socket.ok("message.send", room_id=room["id"], body="once", idempotency_key=key)
        assert again == {"message": first, "duplicate": True}
        refused(await post(bob, room, "other", key), "idempotency_conflict")
        refused(await post(bob, room, "new", secrets.token_hex(8)), "banned" if away is ban else "forbidden")
        assert await last_seq(ada, room) == before


async def test_a_refused_message_does_not_use_up_its_key(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada)
    refused(await post(bob, room, "once", "k"), "forbidden")
    done(await bob.http.put(f"/v1/rooms/{room['id']}/members/{bob.id}", json={}))
    refused(await post(bob, room, " ", "k"), "validation_error")
    done(await post(bob, room, "once", "k"), status=201)


async def test_after_an_edit_the_body_first_sent_is_the_one_that_counts(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    room = await make_room(ada)
    first = done(await post(ada, room, "first", "k"), status=201)
    edited = await edit(ada, first, "second")
    assert done(await post(ada, room, "first", "k"), status=200) == edited
    refused(await post(ada, room, "second", "k"), "idempotency_conflict")


async def test_a_deleted_message_keeps_its_key(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    first = done(await post(ada, room, "first", "k"), status=201)
    await delete(ada, first)
    again = done(await post(ada, room, "first", "k"), status=200)
    assert (again["id"], again["body"], again["revision"]) == (first["id"], "", 3)
    assert again["deleted_at"] is not None
    assert (await socket.ok("message.send", room_id=room["id"], body="first", idempotency_key="k"))["duplicate"]
    for body in ("second", "x"):
        refused(await post(ada, room, body, "k"), "idempotency_conflict")
    assert await last_seq(ada, room) == 3

"""Editing and deleting: who may, what the log says, and that what was deleted can be read nowhere any more."""

from __future__ import annotations

import asyncio
import json
import secrets

import pytest

from tests.server.conversation import (
    NOBODY,
    TIME,
    add,
    ban,
    delete,
    done,
    edit,
    heard,
    join,
    last_seq,
    log_of,
    read_room,
    refused,
    remove,
    say,
    send,
    seqs,
    types,
)
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer

PATCH = pytest.mark.wire("PATCH /v1/messages/{message_id}")
DELETE = pytest.mark.wire("DELETE /v1/messages/{message_id}")


@PATCH
@pytest.mark.wire("message.edit")
@pytest.mark.wire("message.edited")
async def test_an_edit_keeps_the_seq_and_raises_the_revision(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    reader, writer = await bob.connect(), await ada.connect()
    first = await say(ada, room, "first", key="once")
    second = await edit(ada, first, "  second ")
    assert TIME.fullmatch(second["edited_at"])
    assert second == first | {"body": "second", "revision": 4, "edited_at": second["edited_at"]}
    third = (await writer.ok("message.edit", message_id=first["id"], body="third"))["message"]
    assert third == first | {"body": "third", "revision": 5, "edited_at": third["edited_at"]}
    assert third["edited_at"] >= second["edited_at"]

    live = await heard(reader, room, 5)
    assert [(e["type"], e["seq"], e["actor"]) for e in live[1:]] == [
        ("message.edited", 4, ada.ref),
        ("message.edited", 5, ada.ref),
    ]
    assert live[2]["message"] == third
    own = await writer.next("message.edited", seq=5)
    assert own["message"] == third, "of an edit ack and event both come"
    assert [e["message"] for e in await log_of(bob, room, after_seq=2)] == [third] * 3, "the log shows what is now"


@PATCH
async def test_the_same_body_again_is_no_event(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    message = await say(ada, room, "same")
    assert await edit(ada, message, "same") == message
    assert await edit(ada, message, " same\n") == message
    edited = await edit(ada, message, "other")
    assert (await socket.ok("message.edit", message_id=message["id"], body="other"))["message"] == edited
    assert types(await log_of(ada, room)) == ["room.created", "message.created", "message.edited"]


@DELETE
@pytest.mark.wire("message.delete")
@pytest.mark.wire("message.deleted")
async def test_a_deleted_message_keeps_its_place_without_its_text(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    reader, writer = await bob.connect(), await ada.connect()
    first, second = await say(ada, room, "first"), await say(ada, room, "second")
    await delete(ada, first)
    result = await writer.ok("message.delete", message_id=second["id"])
    gone = result["message"]
    assert TIME.fullmatch(gone["deleted_at"])
    assert gone == second | {"body": "", "revision": 6, "deleted_at": gone["deleted_at"]}
    assert await writer.ok("message.delete", message_id=second["id"]) == result
    await delete(ada, first)
    assert await last_seq(ada, room) == 6

    live = await heard(reader, room, 6)
    assert types(live) == ["message.created"] * 2 + ["message.deleted"] * 2
    assert live[3]["message"] == gone
    assert (live[2]["message"]["id"], live[2]["message"]["body"]) == (first["id"], "")
    assert (await writer.next("message.deleted", seq=6))["message"] == gone
    for answer in (
        await ada.http.patch(f"/v1/messages/{first['id']}", json={"body": "back"}),
        await ada.http.patch(f"/v1/messages/{first['id']}", json={"body": "first"}),
    ):
        refused(answer, "not_found")
    assert (await writer.error("message.edit", message_id=second["id"], body="x"))["code"] == "not_found"


@DELETE
async def test_deleted_text_can_be_read_nowhere_any_more(person: MakePerson, make_server: MakeServer) -> None:
    """Not in pages, events, history, the answer to a retry, and not in the files of the database either."""
    own = make_server()
    ada = await person(server=own)
    (room,) = done(await ada.http.get("/v1/rooms"))["items"]
    secrets_said = [f"s3cret-{secrets.token_hex(8)}" for _ in range(3)]
    message = await say(ada, room, secrets_said[0], key="once")
    for body in secrets_said[1:]:
        await edit(ada, message, body)
    await delete(ada, message)

    socket = await ada.connect()
    path = f"/v1/rooms/{room['id']}"
    retry = await ada.http.post(f"{path}/messages", json={"body": secrets_said[0]}, headers={"Idempotency-Key": "once"})
    assert done(retry)["body"] == ""
    texts = [
        retry.text,
        (await ada.http.get(f"{path}/messages")).text,
        (await ada.http.get(f"{path}/events?after_seq=0")).text,
        json.dumps(await socket.ok("history.get", room_id=room["id"], after_seq=0)),
        json.dumps(socket.welcome),
    ]
    log = await log_of(ada, room)
    assert types(log)[1:] == ["message.created", "message.edited", "message.edited", "message.deleted"]
    assert {event["message"]["body"] for event in log[1:]} == {""}
    assert not [secret for secret in secrets_said for text in texts if secret in text]
    await socket.close()
    own.terminate()
    assert own.data_dir.is_dir()
    for file in own.data_dir.rglob("*"):
        if file.is_file() and "-wal" not in file.name:
            content = file.read_bytes()
            assert not [secret for secret in secrets_said if secret.encode() in content], file.name


@PATCH
async def test_only_the_author_edits_and_only_while_a_member(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob, cyd)
    await add(ada, room, cyd, "moderator")
    message = await say(bob, room, "mine")
    path = f"/v1/messages/{message['id']}"
    for someone in (ada, cyd):
        refused(await someone.http.patch(path, json={"body": "x"}), "forbidden")
    await remove(bob, room, bob)
    refused(await bob.http.patch(path, json={"body": "x"}), "forbidden")
    refused(await bob.http.delete(path), "forbidden")
    await join(bob, room)
    assert (await edit(bob, message, "mine still"))["body"] == "mine still"
    await ban(ada, room, bob)
    refused(await bob.http.patch(path, json={"body": "x"}), "banned")
    refused(await bob.http.delete(path), "banned")
    refused(await ada.http.patch(f"/v1/messages/{NOBODY}", json={"body": "x"}), "not_found")
    refused(await ada.http.patch("/v1/messages/nothing", json={"body": "x"}), "validation_error")
    await delete(cyd, message)
    deleted = (await log_of(ada, room))[-1]
    assert (deleted["actor"], deleted["message"]["author"]) == (cyd.ref, bob.ref)


@PATCH
async def test_an_edit_is_refused_with_unknown_fields(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    message = await say(ada, room, "first")
    bodies: list[object] = [{}, {"body": None}, {"body": "x", "seq": 1}, {"body": "x", "deleted_at": None}, ["body"]]
    for body in bodies:
        refused(await ada.http.patch(f"/v1/messages/{message['id']}", json=body), "validation_error")
    assert await last_seq(ada, room) == 2


@PATCH
async def test_of_two_copies_the_higher_revision_holds(person: MakePerson, make_room: MakeRoom) -> None:
    """Edits and a deletion from everywhere at once: whoever keeps the highest revision of each ends with the truth."""
    ada = await person()
    room = await make_room(ada)
    first, second = await ada.connect(), await ada.connect()
    message = await send(first, room, "start")
    results = await asyncio.gather(
        *(edit(ada, message, f"rest {number}") for number in range(10)),
        *(second.ok("message.edit", message_id=message["id"], body=f"socket {number}") for number in range(10)),
    )
    newest = max((result.get("message", result) for result in results), key=lambda copy: int(copy["revision"]))
    (now,) = done(await ada.http.get(f"/v1/rooms/{room['id']}/messages"))["items"]
    assert now == newest
    assert now["revision"] == (await read_room(ada, room))["last_seq"] == 22
    live = await heard(second, room, 22)
    assert seqs(live) == list(range(2, 23))
    assert all(event["seq"] <= event["message"]["revision"] <= 22 for event in live)
    assert live[-1]["message"] == now

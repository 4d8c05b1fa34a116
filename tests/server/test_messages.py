"""Sending a message, over REST and on a socket."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import (
    MESSAGE_FIELDS,
    NOBODY,
    TIME,
    UUID7,
    Json,
    done,
    heard,
    last_seq,
    log_of,
    refused,
    say,
    send,
    seqs,
)
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

POST = pytest.mark.wire("POST /v1/rooms/{room_id}/messages")
SEND = pytest.mark.wire("message.send")


def check_new(message: Json, room: Json, author: Person, seq: int, body: str) -> None:
    """Assert that this is a whole message that nothing has changed yet."""
    assert message.keys() == MESSAGE_FIELDS
    assert UUID7.fullmatch(message["id"])
    assert TIME.fullmatch(message["created_at"])
    assert message["room_id"] == room["id"]
    assert message["seq"] == message["revision"] == seq
    assert message["author"] == author.ref
    assert message["body"] == body
    assert (message["edited_at"], message["deleted_at"]) == (None, None)


@POST
@SEND
@pytest.mark.wire("message.created")
async def test_a_message_takes_the_next_seq_and_stands_in_the_log(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    first = await say(ada, room, "by REST")
    check_new(first, room, ada, 3, "by REST")
    assert first["idempotency_key"] is None
    socket = await bob.connect()
    second = await send(socket, room, "by socket", idempotency_key="k!~1")
    check_new(second, room, bob, 4, "by socket")
    assert second["idempotency_key"] == "k!~1"
    assert await last_seq(ada, room) == 4

    created = await log_of(ada, room, after_seq=2)
    assert [(e["type"], e["seq"], e["room_id"], e["actor"], e["message"]) for e in created] == [
        ("message.created", 3, room["id"], ada.ref, first),
        ("message.created", 4, room["id"], bob.ref, second),
    ]
    page = done(await bob.http.get(f"/v1/rooms/{room['id']}/messages"))
    assert page == {"items": [first, second], "has_more": False}


@POST
async def test_what_a_client_may_not_decide_is_refused(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    extras: list[Json] = [
        *({"seq": 9}, {"author": ada.ref}, {"id": NOBODY}, {"created_at": "2026-11-22T05:12:00.123Z"}),
        *({"revision": 1}, {"room_epoch": "x"}, {"edited_at": None}, {"sender": ada.id}),
    ]
    for extra in extras:
        fields = {"body": "x"} | extra
        refused(await ada.http.post(f"/v1/rooms/{room['id']}/messages", json=fields), "validation_error")
        if "id" not in extra:  # on a socket that is the command's own
            error = await socket.error("message.send", room_id=room["id"], **fields)
            assert error["code"] == "validation_error", extra
    bodies: list[object] = [{}, {"body": None}, {"body": 1}, {"body": ["x"]}, {"text": "x"}, []]
    for body in bodies:
        refused(await ada.http.post(f"/v1/rooms/{room['id']}/messages", json=body), "validation_error")
    assert await last_seq(ada, room) == 1


@POST
async def test_what_is_no_json_is_refused(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    for raw in (
        *(b"", b"{", b"body=x", b'{"body": NaN}', b'{"body": "x"} {}', b'{"body": "\xff"}', b"[" * 20_000, b"null"),
        *(b'{"body": "\\ud800"}', b'{"body": ' + b"9" * 5000 + b"}", b'{"body": 1e999}'),
    ):
        headers = {"Content-Type": "application/json"}
        answer = await ada.http.post(f"/v1/rooms/{room['id']}/messages", content=raw, headers=headers)
        refused(answer, "validation_error")
    assert await last_seq(ada, room) == 1


@SEND
async def test_messages_of_one_connection_take_their_seq_in_the_order_sent(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    start = await last_seq(ada, room)
    reader, writer = await bob.connect(), await ada.connect()
    bodies = [f"number {number}" for number in range(200)]
    ids = [await writer.post("message.send", room_id=room["id"], body=body) for body in bodies]
    answers = [await writer.answer(command_id) for command_id in ids]
    assert {answer["type"] for answer in answers} == {"ack"}
    messages = [answer["result"]["message"] for answer in answers]
    assert [message["body"] for message in messages] == bodies
    assert seqs(messages) == list(range(start + 1, start + 201))
    assert [event["message"] for event in await heard(reader, room, start + 200)] == messages


@POST
async def test_posts_from_everywhere_at_once_all_stand_in_the_log_once(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    socket = await bob.connect()
    results = await asyncio.gather(
        *(say(ada, room, f"rest {number}") for number in range(40)),
        *(send(socket, room, f"socket {number}") for number in range(40)),
    )
    log = await log_of(ada, room, after_seq=2)
    assert sorted(seqs(results)) == list(range(3, 83))
    assert [event["message"] for event in log] == sorted(results, key=lambda message: message["seq"])


@POST
async def test_a_message_counts_for_its_room_alone(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    first, second = await make_room(ada), await make_room(ada)
    await asyncio.gather(*(say(ada, room) for room in (first, second) for _ in range(5)))
    assert (await last_seq(ada, first), await last_seq(ada, second)) == (6, 6)

"""Commands: each is answered exactly once, by its ack or by an error, with its own id."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.server.conversation import NOBODY, TIME, Json, quiet, say
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person
from tests.support.server import CANARY


def every_command(ada: Person, room: Json, message: Json) -> dict[str, Json]:
    """Give one good command of each type."""
    return {
        "message.send": {"room_id": room["id"], "body": f"{CANARY} hi"},
        "message.edit": {"message_id": message["id"], "body": f"{CANARY} ho"},
        "history.get": {"room_id": room["id"], "after_seq": 0},
        "read.mark": {"room_id": room["id"], "seq": 1},
        "typing.set": {"room_id": room["id"], "typing": True},
        "message.delete": {"message_id": message["id"]},
        "token.refresh": {"access_token": ada.access_token},
        "ping": {},
    }


RESULTS = {
    "message.send": {"message", "duplicate"},
    "message.edit": {"message"},
    "message.delete": {"message"},
    "history.get": {"room_id", "items", "last_seq", "epoch", "has_more"},
    "read.mark": {"room_id", "read_seq"},
    "typing.set": set(),
    "token.refresh": {"expires_at"},
    "ping": {"server_time"},
}


@pytest.mark.wire("ack")
async def test_each_command_has_its_result(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    commands = every_command(ada, room, await say(ada, room))
    socket = await ada.connect()
    for command, fields in commands.items():
        assert (await socket.ok(command, **fields)).keys() == RESULTS[command], command


@pytest.mark.wire("ping")
async def test_a_ping_tells_the_servers_time(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    first, second = await socket.ok("ping"), await socket.ok("ping")
    assert TIME.fullmatch(first["server_time"])
    assert socket.welcome["server_time"] <= first["server_time"] <= second["server_time"]


@pytest.mark.wire("validation_error")
async def test_a_field_too_many_or_missing_or_of_another_kind_is_refused(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    room = await make_room(ada)
    message = await say(ada, room)
    socket = await ada.connect()
    for command, fields in every_command(ada, room, message).items():
        wrong: list[Json] = [fields | {"extra": 1}, fields | {"seq_": None}, fields | {"user_id": ada.id}]
        for name in fields:
            wrong.append({key: value for key, value in fields.items() if key != name})
            odd_values: list[object] = [None, {}, [], {"a": 1}]
            wrong += [fields | {name: odd} for odd in odd_values]
            if name in {"room_id", "message_id"}:
                wrong += [fields | {name: bad} for bad in ("", "x", 7, NOBODY[:-1], NOBODY + "0", f" {NOBODY} x")]
        for fields_sent in wrong:
            error = await socket.error(command, **fields_sent)
            assert (error["code"], error["retryable"]) == ("validation_error", False), (command, fields_sent)
            for entry in error.get("errors", []):
                assert isinstance(entry["loc"], list)
            await socket.ok("ping")
    await quiet(socket, room)


@pytest.mark.wire("not_found")
async def test_what_is_not_there_is_not_found(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    socket = await ada.connect()
    for command, fields in every_command(ada, {"id": NOBODY}, {"id": NOBODY}).items():
        if fields.keys() & {"room_id", "message_id"}:
            error = await socket.error(command, **fields)
            assert (error["code"], error["retryable"]) == ("not_found", False), command


@pytest.mark.wire("ack")
async def test_an_id_is_the_clients_own_business(person: MakePerson) -> None:
    """1 to 64 characters, echoed as they are; two commands with one id are two commands."""
    ada = await person()
    socket = await ada.connect()
    for command_id in ("1", "x" * 64, "\u00e9\U0001f600", "null", '"', "a b", "\\u0000", "<id>"):
        for _ in range(2):
            await socket.send_raw(json.dumps({"type": "ping", "id": command_id}))
        for _ in range(2):
            assert (await socket.next("ack"))["id"] == command_id
    assert socket.inbox == []


@pytest.mark.wire("ack")
async def test_pipelined_commands_are_each_answered_once(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    message = await say(ada, room)
    socket = await ada.connect()
    sent: list[tuple[str, str]] = []
    for _ in range(10):
        for command, fields in every_command(ada, room, message).items():
            if command != "message.delete":
                sent.append((command, await socket.post(command, **fields)))
        sent.append(("nonsense", await socket.post("nonsense")))
    for command, command_id in sent:
        answer = await socket.answer(command_id)
        if command == "nonsense":
            assert answer["code"] == "unknown_type"
        else:
            assert answer["type"] == "ack", (command, answer)
            assert answer["result"].keys() == RESULTS[command]
    await socket.ok("ping")
    assert [frame for frame in socket.inbox if frame["type"] in {"ack", "error"}] == []

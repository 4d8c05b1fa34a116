"""Fields, sizes and the protocol beneath: what is wrong in a command is named, broken clients are closed."""

from __future__ import annotations

import json

import pytest

from tests.server.conversation import NOBODY
from tests.support.fixtures import MakePerson, TokenOf
from tests.support.raw import Opcode, RawSocket
from tests.support.server import CANARY, ServerProcess
from tests.support.sockets import Socket

LIMIT = 64 * 1024


@pytest.mark.parametrize("command_id", ["x", "x" * 64, "🦁" * 64, 'qu"ote\\', "new\nline", " "])
async def test_an_id_is_echoed_as_it_is(visit: Socket, command_id: str) -> None:
    await visit.send_raw(json.dumps({"type": "ping", "id": command_id}))
    assert (await visit.answer(command_id))["type"] == "ack"


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize(
    ("kind", "fields", "where"),
    [
        ("ping", {"extra": CANARY}, "extra"),
        ("message.send", {"room_id": NOBODY}, "body"),
        ("message.send", {"body": CANARY}, "room_id"),
        ("message.send", {"room_id": CANARY, "body": CANARY}, "room_id"),
        ("message.send", {"room_id": NOBODY, "body": [CANARY]}, "body"),
        ("message.send", {"room_id": NOBODY, "body": CANARY, "seq": 1}, "seq"),
        ("message.send", {"room_id": NOBODY, "body": CANARY, "author": {}}, "author"),
        ("message.send", {"room_id": NOBODY, "body": f"{CANARY} \ud83e"}, "body"),
        ("message.send", {"room_id": NOBODY, "body": f"{CANARY} \u0000"}, "body"),
        ("history.get", {"room_id": NOBODY, "after_seq": -1}, "after_seq"),
        ("history.get", {"room_id": NOBODY, "after_seq": "0"}, "after_seq"),
        ("history.get", {"room_id": NOBODY, "after_seq": 1.5}, "after_seq"),
        ("history.get", {"room_id": NOBODY, "after_seq": True}, "after_seq"),
        ("history.get", {"room_id": NOBODY, "after_seq": 2**70}, "after_seq"),
        ("history.get", {"room_id": NOBODY, "after_seq": 0, "limit": 0}, "limit"),
        ("history.get", {"room_id": NOBODY, "after_seq": 0, "limit": 201}, "limit"),
        ("read.mark", {"room_id": NOBODY, "seq": None}, "seq"),
        ("typing.set", {"room_id": NOBODY, "typing": "yes"}, "typing"),
        ("message.edit", {"message_id": CANARY, "body": CANARY}, "message_id"),
        ("message.delete", {"message_id": NOBODY, "body": CANARY}, "body"),
    ],
)
async def test_a_command_with_wrong_fields_is_refused_with_the_place_and_no_echo(
    visit: Socket, kind: str, fields: dict[str, object], where: str
) -> None:
    error = await visit.error(kind, **fields)
    assert error["code"] == "validation_error", error
    assert any(where in entry["loc"] for entry in error["errors"]), error
    assert CANARY not in json.dumps(error)


@pytest.mark.wire("close 1009")
async def test_a_frame_may_have_64_kib_and_not_a_byte_more(server: ServerProcess, token_of: TokenOf) -> None:
    command = b'{"type": "ping", "id": "c1"}'
    socket = await RawSocket.open(server, token_of(server))
    await socket.send_frame(Opcode.TEXT, command + b" " * (LIMIT - len(command)))
    assert (await socket.text("ack"))["id"] == "c1"
    await socket.send_frame(Opcode.TEXT, command + b" " * (LIMIT - len(command) + 1))
    code, _ = await socket.closed()
    assert code == 1009
    socket.close()


async def test_a_clients_close_is_answered_and_logged(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    await socket.close()
    assert socket.connection.close_code == 1000
    line = await ada.server.wait_for_log("ws.disconnected", connection_id=socket.welcome["connection_id"])
    assert line["code"] == 1000

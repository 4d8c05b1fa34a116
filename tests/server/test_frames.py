"""What a client may send: whole JSON objects in text frames; errors are answered, broken clients are closed."""

from __future__ import annotations

import json
import struct

import pytest

from tests.server.conversation import NOBODY
from tests.support.fixtures import MakePerson, TokenOf
from tests.support.raw import Opcode, RawSocket
from tests.support.server import CANARY, ServerProcess
from tests.support.sockets import Socket, check_error_frame

LIMIT = 64 * 1024


@pytest.mark.wire("invalid_frame")
@pytest.mark.parametrize(
    "data",
    [
        "",
        " ",
        "canary",
        "{",
        '{"type": "ping", "id": "canary"',
        "[]",
        '["canary"]',
        "null",
        "17",
        '"canary"',
        "{'type': 'ping'}",
        '{"type": "ping", "id": NaN}',
        '{"type": "ping", "id": "c", "x": Infinity}',
        '{"type": "ping", "id": "c"} {"type": "ping", "id": "d"}',
        "[" * 20_000,
        '{"type": "ping", "id": ' + "[" * 20_000 + "]" * 20_000 + "}",
        b"canary",
        b'{"type": "ping", "id": "c1"}',
        b"",
    ],
)
async def test_what_is_no_json_object_in_a_text_frame_is_an_invalid_frame(visit: Socket, data: str | bytes) -> None:
    await visit.send_raw(data)
    error = await visit.next("error")
    check_error_frame(error)
    assert error["code"] == "invalid_frame", error
    assert error["id"] is None
    assert error["retryable"] is False
    assert CANARY not in json.dumps(error)
    await visit.ok("ping")
    assert visit.inbox == [], "exactly one answer"


@pytest.mark.wire("unknown_type")
@pytest.mark.parametrize("kind", ["message.destroy", "welcome", "ack", "", "PING", "ping ", "x" * 5_000, "__class__"])
async def test_a_type_that_is_no_command_is_unknown(visit: Socket, kind: str) -> None:
    error = await visit.error(kind)
    assert error["code"] == "unknown_type"
    await visit.ok("ping")


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize(
    "frame",
    [
        {"id": "c1"},
        {"id": "c1", "type": None},
        {"id": "c1", "type": 5},
        {"id": "c1", "type": ["ping"]},
    ],
)
async def test_a_frame_without_a_type_is_refused_under_its_id(visit: Socket, frame: dict[str, object]) -> None:
    await visit.send_raw(json.dumps(frame))
    error = await visit.answer("c1")
    check_error_frame(error)
    assert error["code"] in {"invalid_frame", "unknown_type", "validation_error"}
    await visit.ok("ping")


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize("command_id", [None, "", "x" * 65, 5, True, [], {}, "MISSING"])
async def test_a_command_without_a_valid_id_is_answered_with_none(visit: Socket, command_id: object) -> None:
    frame = {"type": "ping", "id": command_id}
    if command_id == "MISSING":
        del frame["id"]
    await visit.send_raw(json.dumps(frame))
    error = await visit.answer(None)
    check_error_frame(error)
    assert error["code"] == "validation_error"


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


async def ask_wrongly(socket: Socket, times: int) -> None:
    """Send so many invalid frames of all three kinds, each of which must be answered."""
    for number in range(times):
        if number % 3 == 0:
            await socket.send_raw("x")
            assert (await socket.answer(None))["code"] == "invalid_frame"
        elif number % 3 == 1:
            assert (await socket.error("nonsense"))["code"] == "unknown_type"
        else:
            assert (await socket.error("ping", extra=1))["code"] == "validation_error"


@pytest.mark.wire("close 4501")
@pytest.mark.wire("too_many_errors")
async def test_twenty_invalid_frames_in_a_row_end_the_socket(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    await ask_wrongly(socket, 20)
    assert await socket.closed() == (4501, "too_many_errors")
    await ada.server.wait_for_log("ws.disconnected", connection_id=socket.welcome["connection_id"], code=4501)


async def test_a_valid_command_resets_the_count_of_errors(visit: Socket) -> None:
    for _ in range(3):
        await ask_wrongly(visit, 19)
        await visit.ok("ping")
    # Refused, but well formed: that counts as valid.
    await ask_wrongly(visit, 19)
    assert (await visit.error("message.send", room_id=NOBODY, body="x"))["code"] == "not_found"
    await ask_wrongly(visit, 19)
    await visit.ok("ping")


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


@pytest.mark.wire("close 1009")
async def test_fragments_are_counted_together(server: ServerProcess, token_of: TokenOf) -> None:
    socket = await RawSocket.open(server, token_of(server))
    await socket.send_frame(Opcode.TEXT, b"x" * 30_000, first_bits=0)
    await socket.send_frame(Opcode.CONTINUATION, b"x" * 30_000, first_bits=0)
    await socket.send_frame(Opcode.CONTINUATION, b"x" * 30_000)
    assert (await socket.closed())[0] == 1009
    socket.close()


@pytest.mark.wire("close 1009")
async def test_a_claim_of_a_huge_frame_is_refused_before_it_comes(server: ServerProcess, token_of: TokenOf) -> None:
    socket = await RawSocket.open(server, token_of(server))
    await socket.text("welcome")
    await socket.send_bytes(bytes([0x81, 0xFF]) + struct.pack("!Q", 2**40) + b"mask")
    assert (await socket.closed())[0] == 1009
    socket.close()


async def test_a_command_in_fragments_with_a_ping_between_them_is_one_command(
    server: ServerProcess, token_of: TokenOf
) -> None:
    socket = await RawSocket.open(server, token_of(server))
    await socket.text("welcome")
    await socket.send_frame(Opcode.TEXT, b'{"type": "pi', first_bits=0)
    await socket.send_frame(Opcode.PING, b"here")
    await socket.send_frame(Opcode.CONTINUATION, b"", first_bits=0)
    await socket.send_frame(Opcode.CONTINUATION, b'ng", "id": "c1"}')
    assert await socket.frame() == (Opcode.PONG, b"here")
    assert (await socket.text("ack"))["id"] == "c1"
    socket.close()


@pytest.mark.wire("close 1007")
@pytest.mark.parametrize("payload", [b"\xff\xfe", b'{"type": "ping", "id": "\xc3("}', b"\xed\xa0\x80", b"\xf0\x9f\xa6"])
async def test_text_that_is_no_utf_8_ends_the_socket(server: ServerProcess, token_of: TokenOf, payload: bytes) -> None:
    socket = await RawSocket.open(server, token_of(server))
    await socket.send_frame(Opcode.TEXT, payload)
    assert (await socket.closed())[0] == 1007
    socket.close()


@pytest.mark.wire("close 1002")
@pytest.mark.parametrize(
    "frame",
    [
        {"opcode": Opcode.TEXT, "payload": b"{}", "masked": False},
        {"opcode": Opcode.TEXT, "payload": b"{}", "first_bits": 0xC0},
        {"opcode": 3, "payload": b"{}"},
        {"opcode": 11, "payload": b""},
        {"opcode": Opcode.CONTINUATION, "payload": b"{}"},
        {"opcode": Opcode.PING, "payload": b"x" * 126},
        {"opcode": Opcode.PING, "payload": b"x", "first_bits": 0},
        {"opcode": Opcode.CLOSE, "payload": struct.pack("!H", 1005)},
        {"opcode": Opcode.CLOSE, "payload": b"x"},
    ],
    ids=[
        "unmasked",
        "RSV1",
        "opcode 3",
        "opcode 11",
        "orphan",
        "long ping",
        "ping in parts",
        "close 1005",
        "half a code",
    ],
)
async def test_a_breach_of_the_protocol_ends_the_socket(
    server: ServerProcess, token_of: TokenOf, frame: dict[str, object]
) -> None:
    socket = await RawSocket.open(server, token_of(server))
    await socket.text("welcome")
    await socket.send_frame(**frame)  # type: ignore[arg-type]
    assert (await socket.closed())[0] == 1002
    await socket.ended()
    socket.close()


async def test_a_clients_close_is_answered_and_logged(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    await socket.close()
    assert socket.connection.close_code == 1000
    line = await ada.server.wait_for_log("ws.disconnected", connection_id=socket.welcome["connection_id"])
    assert line["code"] == 1000

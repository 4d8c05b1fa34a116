"""JSON at its edges: what REST and socket make of it is one table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import pytest

from tests.server.conversation import Json, done, last_seq, refused, say
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person
from tests.support.server import CANARY
from tests.support.sockets import Socket, check_error_frame

JSON_TYPE: Final = {"Content-Type": "application/json"}
# Raw JSON of a value, and what a socket calls it: `invalid_frame` where the whole is no JSON for it. Over REST each is
# a `validation_error`.
BODIES: Final = {
    **{f"{depth} brackets": ("[" * depth + "]" * depth, "validation_error") for depth in (1, 64, 200, 500)},
    **{f"{depth} brackets": ("[" * depth + "]" * depth, "invalid_frame") for depth in (1_100, 5_000, 30_000)},
    "10,000 objects": ('{"a":' * 10_000 + "1" + "}" * 10_000, "invalid_frame"),
    "NaN": ("NaN", "invalid_frame"),
    "Infinity": ("Infinity", "invalid_frame"),
    "1e999": ("1e999", "validation_error"),
    "4,301 digits": ("9" * 4_301, "invalid_frame"),
    "a number": ("7", "validation_error"),
    "null": ("null", "validation_error"),
    "an array": (f'["{CANARY}"]', "validation_error"),
    "an object": (f'{{"{CANARY}": 1}}', "validation_error"),
    "half a surrogate pair": (f'"{CANARY} \\ud800"', "validation_error"),
    "the other half": (f'"{CANARY} \\udc00"', "validation_error"),
    "a pair the wrong way round": (f'"{CANARY} \\udc00\\ud800"', "validation_error"),
    "NUL, escaped": (f'"{CANARY} \\u0000"', "validation_error"),
    "NUL, bare": (f'"{CANARY} \x00"', "invalid_frame"),
    "a bare line break": (f'"{CANARY}\n"', "invalid_frame"),
    "an unknown escape": (f'"{CANARY} \\x41"', "invalid_frame"),
    "a comment": (f'"{CANARY}" /* why */', "invalid_frame"),
    "single quotes": (f"'{CANARY}'", "invalid_frame"),
}
NUMBERS: Final = {
    "2^53": (str(2**53), "validation_error"),
    "2^63": (str(2**63), "validation_error"),
    "2^64": (str(2**64), "validation_error"),
    "-1": ("-1", "validation_error"),
    "-2^63-1": (str(-(2**63) - 1), "validation_error"),
    "400 digits": ("9" * 400, "validation_error"),
    "4,301 digits": ("9" * 4_301, "invalid_frame"),
    "60,000 digits": ("9" * 60_000, "invalid_frame"),
    "1.0": ("1.0", "validation_error"),
    "1e0": ("1e0", "validation_error"),
    "1e999": ("1e999", "validation_error"),
    "-1e999": ("-1e999", "validation_error"),
    "NaN": ("NaN", "invalid_frame"),
    "-Infinity": ("-Infinity", "invalid_frame"),
    "leading zero": ("01", "invalid_frame"),
    "leading plus": ("+1", "invalid_frame"),
    "hexadecimal": ("0x1", "invalid_frame"),
    "text": ('"1"', "validation_error"),
    "true": ("true", "validation_error"),
    "null": ("null", "validation_error"),
    "an array": ("[1]", "validation_error"),
}


@dataclass
class Doors:
    """One user's two ways to one room and one message in it."""

    person: Person
    socket: Socket
    room: Json
    message: Json

    async def rest(self, method: str, path: str, raw: str) -> None:
        """Send this over REST, which must be a `validation_error` without an echo."""
        answer = await self.person.http.request(
            method, path, content=raw.encode("utf-8", "surrogatepass"), headers=JSON_TYPE
        )
        refused(answer, "validation_error")
        assert CANARY not in answer.text

    async def frame(self, raw: str, code: str, command_id: str | None = "c") -> Json:
        """Send this as a frame, which must be answered by this code without an echo; the connection lives."""
        await self.socket.send_raw(raw)
        error = await self.socket.next("error")
        check_error_frame(error)
        assert (error["code"], error["id"]) == (code, command_id if code == "validation_error" else None), raw[:100]
        assert CANARY not in json.dumps(error)
        await self.socket.ok("ping")
        return error


@pytest.fixture
async def doors(person: MakePerson, make_room: MakeRoom) -> Doors:
    """Open both."""
    ada = await person()
    room = await make_room(ada)
    return Doors(ada, await ada.connect(), room, await say(ada, room, "first"))


@pytest.mark.wire("validation_error")
@pytest.mark.wire("invalid_frame")
async def test_a_text_that_is_none_is_refused_at_both_doors_and_leaves_nothing(doors: Doors) -> None:
    room_id, message_id = doors.room["id"], doors.message["id"]
    for value, code in BODIES.values():
        body = f'{{"body": {value}}}'
        await doors.rest("POST", f"/v1/rooms/{room_id}/messages", body)
        await doors.rest("PATCH", f"/v1/messages/{message_id}", body)
        await doors.frame(f'{{"type": "message.send", "id": "c", "room_id": "{room_id}", "body": {value}}}', code)
        await doors.frame(f'{{"type": "message.edit", "id": "c", "message_id": "{message_id}", "body": {value}}}', code)
    assert await last_seq(doors.person, doors.room) == 2


@pytest.mark.wire("validation_error")
@pytest.mark.wire("invalid_frame")
async def test_a_number_that_is_none_is_refused_at_both_doors_and_moves_nothing(doors: Doors) -> None:
    room_id = doors.room["id"]
    for value, code in NUMBERS.values():
        await doors.rest("PUT", f"/v1/rooms/{room_id}/read", f'{{"seq": {value}}}')
        await doors.frame(f'{{"type": "read.mark", "id": "c", "room_id": "{room_id}", "seq": {value}}}', code)
        await doors.frame(f'{{"type": "history.get", "id": "c", "room_id": "{room_id}", "after_seq": {value}}}', code)
    assert done(await doors.person.http.get(f"/v1/rooms/{room_id}"))["me"]["read_seq"] == 1


@pytest.mark.wire("resync_required")
async def test_the_largest_number_that_every_reader_keeps_exact_is_one(doors: Doors) -> None:
    """2^53 - 1 is understood, and is beyond the log."""
    path = f"/v1/rooms/{doors.room['id']}"
    largest = 2**53 - 1
    refused(await doors.person.http.get(f"{path}/events?after_seq={largest}"), "resync_required")
    error = await doors.socket.error("history.get", room_id=doors.room["id"], after_seq=largest)
    assert error["code"] == "resync_required"
    for beyond in (largest + 1, 2**63, 2**64, 10**400):
        refused(await doors.person.http.get(f"{path}/events?after_seq={beyond}"), "validation_error")
        refused(await doors.person.http.get(f"{path}/messages?before_seq={beyond}"), "validation_error")


async def test_what_json_can_write_in_two_ways_is_the_same_text(doors: Doors) -> None:
    room_id = doors.room["id"]
    for raw, text in (
        ('"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        ('"\\u0061\\/\\b"', None),  # a backspace is a control character
        ('"\\u0061\\/\\t\\u00e9"', "a/\t\u00e9"),
        ('"say \\"hi\\" \\\\"', 'say "hi" \\'),
    ):
        answer = await doors.person.http.post(
            f"/v1/rooms/{room_id}/messages", content=f'{{"b\\u006fdy": {raw}}}', headers=JSON_TYPE
        )
        await doors.socket.send_raw(f'{{"type":"message.send","id":"c","room_id":"{room_id}","b\\u006fdy":{raw}}}')
        frame = await doors.socket.answer("c")
        if text is None:
            refused(answer, "validation_error")
            assert frame["code"] == "validation_error"
        else:
            assert done(answer, status=201)["body"] == text
            assert frame["result"]["message"]["body"] == text


@pytest.mark.wire("validation_error")
async def test_a_field_that_is_there_twice_is_refused_whatever_the_two_say(doors: Doors) -> None:
    """Who checks the one and acts on the other is tricked; so neither is taken, at any door."""
    room_id, message_id = doors.room["id"], doors.message["id"]
    for twice in (
        f'"body": "{CANARY}", "body": "{CANARY} other"',
        f'"body": "{CANARY}", "body": "{CANARY}"',
        f'"body": "{CANARY}", "b\\u006fdy": "{CANARY}"',
        f'"body": 7, "body": "{CANARY}"',
        f'"body": [["{CANARY}"]], "body": "{CANARY}"',
        f'"body": "\\"{CANARY}\\"", "body": "{CANARY}"',
        f'"body": {"9" * 400}, "body": "{CANARY}"',
    ):
        for method, path in (("POST", f"/v1/rooms/{room_id}/messages"), ("PATCH", f"/v1/messages/{message_id}")):
            await doors.rest(method, path, f"{{{twice}}}")
        error = await doors.frame(
            f'{{"type": "message.send", "id": "c", "room_id": "{room_id}", {twice}}}', "validation_error"
        )
        assert error["errors"] == [{"loc": ["body"], "msg": "must be there once", "type": "repeated_field"}]
    await doors.rest("PUT", f"/v1/rooms/{room_id}/read", '{"seq": 1, "seq": 2}')
    await doors.rest("PATCH", f"/v1/rooms/{room_id}", '{"topic": "one", "topic": "two"}')
    seq = f'"id": "c", "room_id": "{room_id}"'
    await doors.frame(f'{{"type": "read.mark", {seq}, "seq": 1, "seq": 2}}', "validation_error")
    await doors.frame(f'{{"type": "read.mark", "type": "history.get", {seq}, "after_seq": 1}}', "validation_error")
    await doors.frame('{"type": "ping", "id": "a", "id": "c"}', "validation_error", command_id=None)
    assert await last_seq(doors.person, doors.room) == 2
    assert done(await doors.person.http.get(f"/v1/rooms/{room_id}"))["me"]["read_seq"] == 1

"""Frames that are no command: answered by an error, survived, and counted."""

from __future__ import annotations

import contextlib
import json
from typing import Final

import pytest
from websockets.exceptions import ConnectionClosed

from tests.server.conversation import NOBODY, Json, last_seq, send
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.sockets import Socket, check_error_frame

NOT_JSON: Final[list[str | bytes]] = [
    *("", " ", "hello", "{", "}", '{"type": "ping", "id": "a"', "{'type': 'ping'}", '{"type": "ping", "id": "a",}'),
    *('{"type": "ping", "id": "a"} {}', '{"type": "ping", "id": "a"}x', "undefined", "// comment", '{"type"}'),
    *('{"type": "ping", "id": "a\nb"}', '{"type": "ping", "id": "a" "b": 1}', "[" * 50_000, '{"a":' * 10_000),
]
NO_OBJECT: Final = ["[]", '[{"type": "ping", "id": "a"}]', "null", "true", "7", "-1.5e3", '"ping"', '["ping"]']
BINARY: Final = [b"", b"x", b'{"type": "ping", "id": "a"}', b"\x00" * 100, b"\xff\xfe"]


async def told(socket: Socket, raw: str | bytes) -> Json:
    """Send something, take the error that answers it."""
    await socket.send_raw(raw)
    frame = await socket.next()
    assert frame["type"] == "error", (raw[:100], frame)
    check_error_frame(frame)
    assert frame["retryable"] is False
    return frame


@pytest.mark.wire("invalid_frame")
async def test_what_is_no_json_object_in_a_text_frame_is_an_invalid_frame(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    for raw in (*NOT_JSON, *NO_OBJECT, *BINARY):
        error = await told(socket, raw)
        assert (error["code"], error["id"]) == ("invalid_frame", None), raw[:100]
        await socket.ok("ping")


@pytest.mark.wire("invalid_frame")
async def test_numbers_and_depths_beyond_reason_are_refused(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    start = f'{{"type": "read.mark", "id": "a", "room_id": "{room["id"]}", "seq": '
    deep = '{"type": "ping", "id": "a", "x": ' + "[" * 20_000 + "]" * 20_000 + "}"
    for raw in (
        *(start + number + "}" for number in ("NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "9" * 5000, "01")),
        *(start + "[" * depth + "]" * depth + "}" for depth in (1, 50, 500, 5_000)),
        deep,
        '{"type": "ping", "id": "a", "x": NaN}',
        start + "1" + ', "x": "\\ud800"}',
    ):
        error = await told(socket, raw)
        assert error["code"] in {"invalid_frame", "validation_error"}, raw[:100]
        await socket.ok("ping")


@pytest.mark.wire("unknown_type")
async def test_an_unknown_type_is_named_so(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    for kind in ("nonsense", "message.sent", "MESSAGE.SEND", "message.created", "welcome", "ping ", "\u00e9"):
        error = await told(socket, json.dumps({"type": kind, "id": "a", "body": "x"}))
        assert (error["code"], error["id"]) == ("unknown_type", "a"), kind
        await socket.ok("ping")


@pytest.mark.wire("validation_error")
async def test_a_type_that_is_none_and_an_id_that_is_none(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    for frame in ({"id": "a"}, {"id": "a", "type": None}, {"id": "a", "type": 7}, {"id": "a", "type": ["ping"]}):
        error = await told(socket, json.dumps(frame))
        assert error["code"] in {"validation_error", "unknown_type", "invalid_frame"}, frame
        assert error["id"] == "a", frame
        await socket.ok("ping")
    odd_ids: list[object] = ["", "x" * 65, 7, None, ["a"], {"a": 1}, True]
    for command_id in odd_ids:
        error = await told(socket, json.dumps({"type": "ping", "id": command_id}))
        assert (error["code"], error["id"]) == ("validation_error", None), command_id
        await socket.ok("ping")
    for raw in ('{"type": "ping"}', '{"type": "nonsense"}', "{}"):
        assert (await told(socket, raw))["id"] is None, raw


@pytest.mark.wire("validation_error")
async def test_thousands_of_unknown_fields_are_one_error_and_dozens_at_most_20(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    for count, told_of, kind in (
        (1, 1, "extra_forbidden"),
        (30, 20, "extra_forbidden"),
        (62, 20, "extra_forbidden"),
        (63, 1, "too_many_fields"),
        (6_000, 1, "too_many_fields"),
    ):
        fields = {f"x{number}": 1 for number in range(count)}
        error = await told(socket, json.dumps({"type": "ping", "id": "a", **fields}, separators=(",", ":")))
        assert (error["code"], error["id"]) == ("validation_error", "a")
        assert (len(error["errors"]), error["errors"][0]["type"]) == (told_of, kind), count


@pytest.mark.wire("too_many_errors")
@pytest.mark.wire("close 4501")
async def test_twenty_errors_in_a_row_close_the_connection(person: MakePerson) -> None:
    """Of whatever kinds; each of the twenty is still answered."""
    ada = await person()
    socket = await ada.connect()
    kinds: list[str | bytes] = ["no json", b"binary", '{"type": "nonsense", "id": "a"}', '{"type": "ping", "id": 1}']
    for number in range(20):
        await told(socket, kinds[number % 4])
    assert await socket.closed() == (4501, "too_many_errors")
    await socket.close()
    again = await ada.connect()
    await again.ok("ping")


@pytest.mark.wire("too_many_errors")
async def test_any_valid_command_resets_the_count(person: MakePerson, make_room: MakeRoom) -> None:
    """A command that is refused for another reason than its form is valid, too."""
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for command, fields in (
        ("ping", {}),
        ("history.get", {"room_id": NOBODY, "after_seq": 0}),
        ("history.get", {"room_id": room["id"], "after_seq": 10**6}),
        ("token.refresh", {"access_token": "no token"}),
        ("message.send", {"room_id": room["id"], "body": "x"}),
    ):
        for _ in range(19):
            await told(socket, "no json")
        await socket.command(command, **fields)
    for _ in range(19):
        await told(socket, "no json")
    await send(socket, room)
    assert await last_seq(ada, room) == 3


@pytest.mark.wire("too_many_errors")
async def test_what_was_sent_behind_the_twentieth_error_is_not_carried_out(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    with contextlib.suppress(ConnectionClosed):  # the server may be quicker
        for _ in range(20):
            await socket.send_raw("no json")
        for number in range(20):
            await socket.post("message.send", room_id=room["id"], body=f"late {number}")
    assert await socket.closed() == (4501, "too_many_errors")
    assert await last_seq(ada, room) == 1
    assert [frame["code"] for frame in socket.inbox] == ["invalid_frame"] * 20


@pytest.mark.wire("unknown_type")
async def test_one_connections_errors_are_its_own(person: MakePerson) -> None:
    ada = await person()
    first, second = await ada.connect(), await ada.connect()
    for _ in range(15):
        await told(first, "no json")
        await told(second, "no json")
    await first.ok("ping")
    await second.ok("ping")


@pytest.mark.wire("close 1009")
async def test_a_frame_of_64_kib_is_taken(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    frame = json.dumps({"type": "message.send", "id": "big", "room_id": room["id"], "body": "x"})
    await socket.send_raw(frame + " " * (64 * 1024 - len(frame)))
    assert (await socket.next("ack"))["result"]["message"]["body"] == "x"
    await socket.send_raw(frame + " " * (64 * 1024 - len(frame) + 1))
    code, _ = await socket.closed()
    assert code == 1009

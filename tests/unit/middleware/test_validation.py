"""Bytes to a command, or the error that says what is wrong with them."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from api.domain.errors import ErrorCode
from api.middleware.validation import InvalidCommandError, parse_command
from api.ws.commands import COMMANDS, KNOWN_TYPES, Command, SendMessage, command_adapter

ADAPTER = command_adapter()
ROOM = "01980000-0000-7000-8000-00000000beef"
VALID: dict[str, dict[str, Any]] = {
    "message.send": {"room_id": ROOM, "body": "hello"},
    "message.edit": {"message_id": ROOM, "body": "hello"},
    "message.delete": {"message_id": ROOM},
    "history.get": {"room_id": ROOM, "after_seq": 0},
    "read.mark": {"room_id": ROOM, "seq": 1},
    "typing.set": {"room_id": ROOM, "typing": True},
    "token.refresh": {"access_token": "x"},
    "ping": {},
}


def parse(frame: Any) -> Command:  # noqa: ANN401 - JSON is any
    data = frame if isinstance(frame, bytes) else orjson.dumps(frame)
    return parse_command(ADAPTER, KNOWN_TYPES, data, text=True)


def refused(frame: Any) -> tuple[ErrorCode, str | None]:  # noqa: ANN401 - JSON is any
    with pytest.raises(InvalidCommandError) as caught:
        parse(frame)
    return caught.value.error.code, caught.value.command_id


def test_here_is_every_command() -> None:
    assert set(VALID) == KNOWN_TYPES
    assert len(COMMANDS) == len(KNOWN_TYPES)


@pytest.mark.parametrize("command_type", VALID)
def test_a_valid_command_is_read(command_type: str) -> None:
    command = parse({"type": command_type, "id": "c1", **VALID[command_type]})
    assert (command.type, command.id) == (command_type, "c1")
    for field, value in VALID[command_type].items():
        assert getattr(command, field) == value


@pytest.mark.parametrize("command_type", VALID)
def test_an_unknown_field_is_refused(command_type: str) -> None:
    frame = {"type": command_type, "id": "c1", **VALID[command_type], "colour": "red"}
    assert refused(frame) == (ErrorCode.VALIDATION_ERROR, "c1")


@pytest.mark.parametrize("command_type", VALID)
def test_every_field_is_needed_and_has_one_type(command_type: str) -> None:
    whole = {"type": command_type, "id": "c1", **VALID[command_type]}
    for field in VALID[command_type]:
        without = {name: value for name, value in whole.items() if name != field}
        assert refused(without) == (ErrorCode.VALIDATION_ERROR, "c1")
        assert refused(whole | {field: [whole[field]]}) == (ErrorCode.VALIDATION_ERROR, "c1")
        assert refused(whole | {field: None}) == (ErrorCode.VALIDATION_ERROR, "c1")


@pytest.mark.parametrize(
    ("field", "value"),
    [("seq", "1"), ("seq", 1.5), ("seq", True), ("seq", -1), ("seq", 2**53)],
)
def test_numbers_are_not_guessed_from_other_things(field: str, value: object) -> None:
    assert refused({"type": "read.mark", "id": "c1", "room_id": ROOM, field: value})[0] is ErrorCode.VALIDATION_ERROR


@pytest.mark.parametrize("value", ["true", 1, 0, "yes"])
def test_nor_are_truth_values(value: object) -> None:
    frame = {"type": "typing.set", "id": "c1", "room_id": ROOM, "typing": value}
    assert refused(frame)[0] is ErrorCode.VALIDATION_ERROR


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.INVALID_FRAME),
        (b"hello", ErrorCode.INVALID_FRAME),
        (b"{", ErrorCode.INVALID_FRAME),
        (b"[]", ErrorCode.INVALID_FRAME),
        (b"7", ErrorCode.INVALID_FRAME),
        (b"null", ErrorCode.INVALID_FRAME),
        (b'"ping"', ErrorCode.INVALID_FRAME),
        (b'{"type": "ping", "id": NaN}', ErrorCode.INVALID_FRAME),
        (b'{"type": "ping", "id": "1"} {}', ErrorCode.INVALID_FRAME),
        (b"\xff\xfe", ErrorCode.INVALID_FRAME),
        (b"[" * 60_000, ErrorCode.INVALID_FRAME),
        (b'{"a":' * 10_000, ErrorCode.INVALID_FRAME),
        (b"{}", ErrorCode.VALIDATION_ERROR),
        (b'{"id": "1"}', ErrorCode.VALIDATION_ERROR),
        (b'{"type": null, "id": "1"}', ErrorCode.VALIDATION_ERROR),
        (b'{"type": "dance", "id": "1"}', ErrorCode.UNKNOWN_TYPE),
        (b'{"type": "dance"}', ErrorCode.UNKNOWN_TYPE),
        (b'{"type": ""}', ErrorCode.UNKNOWN_TYPE),
    ],
)
def test_what_kind_of_fault_it_is(data: bytes, code: ErrorCode) -> None:
    assert refused(data)[0] is code


@pytest.mark.parametrize(
    ("given", "answered"),
    [("c1", "c1"), ("x" * 64, "x" * 64), ("x" * 65, None), ("", None), (7, None), (None, None), (["c1"], None)],
)
def test_the_id_is_answered_where_it_is_one(given: object, answered: str | None) -> None:
    assert refused({"type": "dance", "id": given}) == (ErrorCode.UNKNOWN_TYPE, answered)
    assert refused({"type": "message.send", "id": given}) == (ErrorCode.VALIDATION_ERROR, answered)


def test_an_id_that_no_answer_can_carry_is_none() -> None:
    assert refused(b'{"type": "dance", "id": "\\ud800"}') == (ErrorCode.UNKNOWN_TYPE, None)
    assert refused(b'{"type": "message.send", "id": "c1", "room_id": "%s", "body": "\\ud800"}' % ROOM.encode()) == (
        ErrorCode.VALIDATION_ERROR,
        "c1",
    )


def test_a_field_that_is_there_twice_is_refused_and_two_ids_are_none() -> None:
    for twice in (b'"seq": 1, "seq": 1', b'"seq": "x", "seq": 1', b'"seq": 1, "room_id": "%s"' % ROOM.encode()):
        frame = b'{"type": "read.mark", "id": "c1", "room_id": "%s", %s}' % (ROOM.encode(), twice)
        assert refused(frame) == (ErrorCode.VALIDATION_ERROR, "c1")
    assert refused(b'{"type": "dance", "type": "ping", "id": "c1"}') == (ErrorCode.VALIDATION_ERROR, "c1")
    assert refused(b'{"type": "ping", "id": "c0", "id": "c1"}') == (ErrorCode.VALIDATION_ERROR, None)


def test_binary_frames_are_not_understood() -> None:
    with pytest.raises(InvalidCommandError) as caught:
        parse_command(ADAPTER, KNOWN_TYPES, b'{"type": "ping", "id": "c1"}', text=False)
    assert (caught.value.error.code, caught.value.command_id) == (ErrorCode.INVALID_FRAME, None)


def test_a_field_is_named_as_the_client_named_it() -> None:
    with pytest.raises(InvalidCommandError) as caught:
        parse({"type": "message.send", "id": "c1", "room_id": ROOM, "body": ""})
    assert [error["loc"] for error in caught.value.error.errors] == [["body"]]


def test_text_is_cleaned_on_its_way_in() -> None:
    command = parse({"type": "message.send", "id": "c1", "room_id": ROOM.upper(), "body": " a\r\nb "})
    assert isinstance(command, SendMessage)
    assert (command.room_id, command.body) == (ROOM, "a\nb")


def test_whatever_comes_is_a_command_or_an_answerable_error() -> None:
    """Frames with random holes, bytes and values; nothing else may come out than these two."""
    dice = random.Random(7)
    pieces = [
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\\u",
        b"\\ud800",
        b"1e999",
        b"-",
        b"null",
        b"\x00",
        b"\xff",
        b"id",
    ]
    for _ in range(3000):
        command_type = dice.choice([*VALID, "dance"])
        data = bytearray(orjson.dumps({"type": command_type, "id": "c1", **VALID.get(command_type, {})}))
        for _ in range(dice.randrange(1, 4)):
            place = dice.randrange(len(data))
            data[place : place + dice.randrange(6)] = dice.choice(pieces)
        try:
            command = parse_command(ADAPTER, KNOWN_TYPES, bytes(data), text=True)
        except InvalidCommandError as invalid:
            orjson.dumps([invalid.command_id, invalid.error.detail, list(invalid.error.errors)])
        else:
            assert command.type in KNOWN_TYPES

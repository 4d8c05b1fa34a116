"""Whatever comes as JSON: it is read, or refused with our own error, and what was refused is not repeated."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from api.domain.errors import ErrorCode
from api.middleware.errors import ERRORS_MAX
from api.middleware.validation import InvalidCommandError, parse_command
from api.protocol.codec import decode, encode, repeated_key
from api.protocol.fields import COMMAND_ID_CHARS_MAX
from api.ws.commands import KNOWN_TYPES, BaseCommand, command_adapter
from tests.search.properties import ANY_TEXT, JSON, LONG, QUICK, search

MARKER: Final = "wordthatisnowhereelse"
PARSE: Final = partial(parse_command, command_adapter(), KNOWN_TYPES)
CODES: Final = {ErrorCode.INVALID_FRAME, ErrorCode.UNKNOWN_TYPE, ErrorCode.VALIDATION_ERROR}

DEPTH = st.integers(1, 6_000) | st.integers(900, 1_030)
DEEP = st.tuples(st.sampled_from(['{"a":', "[", '[{"":', '{"a":1,"a":']), DEPTH).map(lambda p: p[0] * p[1])
DEEPEST_WRITTEN: Final = 250
"""What the library writes; nothing of ours is nearly as deep."""
JSON_TEXT = JSON.map(lambda value: json.dumps(value).encode())
BYTES = (
    st.binary(max_size=300)
    | ANY_TEXT.map(lambda text: text.encode(errors="surrogatepass"))
    | JSON_TEXT
    | st.tuples(JSON_TEXT, st.integers(0, 400), st.binary(max_size=3)).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :])
    | DEEP.map(str.encode)
    | DEEP.map(lambda text: (text + "1" + text[::-1].translate(str.maketrans("[{", "]}", '":a1,'))).encode())
)
NAMES = st.sampled_from(["id", "type", "room_id", "message_id", "body", "seq", "after_seq", "limit", "typing", "epoch"])
MARKED = st.sampled_from([MARKER, [MARKER], {"a": MARKER}, MARKER * 900, f"{MARKER}\ud800", f"\x00{MARKER}"])
COMMANDS = st.tuples(
    st.sampled_from([*sorted(KNOWN_TYPES), f"{MARKER}.send", 7, None]),
    st.dictionaries(NAMES | ANY_TEXT, MARKED | JSON, max_size=3),
).map(lambda pair: json.dumps({"id": "a", **pair[1], "type": pair[0]}).encode())
SHORT = st.none() | st.integers(0, 10) | st.text(max_size=3) | st.just({"d": ['"']})
PAIRS = st.lists(st.tuples(st.sampled_from("abc"), SHORT), max_size=5)


def is_read_or_refused(data: bytes) -> None:
    """Read a value that says the same when it is written again, or raise ValueError."""
    try:
        value = decode(data)
    except ValueError:
        return
    if isinstance(value, dict):
        repeated_key(data, len(value), value.values())
        if len(data) < DEEPEST_WRITTEN:
            assert decode(encode(value)) == value


def is_a_command_or_refused(data: bytes) -> None:
    """Make a command, or an answer that repeats no value of what came."""
    for text in (True, False):
        invalid: InvalidCommandError | None = None
        try:
            command = PARSE(data, text=text)
        except InvalidCommandError as refused:
            invalid = refused
        else:
            assert text
            assert isinstance(command, BaseCommand)
        if invalid is not None:
            assert invalid.error.code in CODES if text else invalid.error.code is ErrorCode.INVALID_FRAME
            shown = invalid.error.detail + "".join(entry["msg"] + entry["type"] for entry in invalid.error.errors)
            assert MARKER not in shown
            assert len(invalid.error.errors) <= ERRORS_MAX
            assert invalid.command_id is None or 1 <= len(invalid.command_id) <= COMMAND_ID_CHARS_MAX


def repeats_are_found(pairs: list[tuple[str, Any]]) -> None:
    """Find a name that stands twice, and no other."""
    data = ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()
    try:
        value = decode(data)
    except ValueError:
        return
    names = [name for name, _ in pairs]
    twice = {name for name in names if names.count(name) > 1}
    found = repeated_key(data, len(value), value.values())
    assert found in twice if twice else found is None


CASES: Final[dict[str, tuple[st.SearchStrategy[Any], Any]]] = {
    "the reader": (BYTES, is_read_or_refused),
    "a frame of anything": (BYTES, is_a_command_or_refused),
    "a command of anything": (COMMANDS, is_a_command_or_refused),
    "names that stand twice": (PAIRS, repeats_are_found),
}


@pytest.mark.parametrize("case", CASES)
def test_json_is_read_or_refused(case: str) -> None:
    search(*CASES[case], QUICK)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES)
def test_json_is_read_or_refused_for_longer(case: str) -> None:
    search(*CASES[case], LONG)

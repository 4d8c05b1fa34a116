"""What text may be: one table of code points, held at every door of every field, over REST and sockets alike.

tests/unit/domain/test_text.py has every single code point; here stands one of each kind.
"""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
import pytest_asyncio

from tests.server.conversation import done, last_seq, say
from tests.server.text_doors import DOORS, Writer
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import http_client
from tests.support.server import ServerProcess

REFUSED: Final = {
    "NUL": "\x00",
    "SOH": "\x01",
    "backspace": "\x08",
    "vertical tab": "\x0b",
    "form feed": "\x0c",
    "carriage return": "\r",
    "escape": "\x1b",
    "unit separator": "\x1f",
    "delete": "\x7f",
    "C1 padding": "\x80",
    "next line": "\x85",
    "C1 control sequence": "\x9b",
    "left-to-right embedding": "\u202a",
    "right-to-left override": "\u202e",
    "left-to-right isolate": "\u2066",
    "pop isolate": "\u2069",
    "high surrogate": "\ud800",
    "low surrogate": "\udfff",
    "surrogates the wrong way round": "\udc00\ud800",
}
LINES: Final = {"line feed": "\n", "tab": "\t", "carriage return and line feed": "\r\n"}
KEPT: Final = {
    "no-break space": "\u00a0",
    "soft hyphen": "\u00ad",
    "combining": "e\u0301\u0327",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "left-to-right mark": "\u200e",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "replacement character": "\ufffd",
    "noncharacter": "\uffff",
    "private use": "\ue000",
    "emoji family": "\U0001f469\u200d\U0001f467",
    "tag": "\U000e0041",
    "variation selector": "\U000e0100",
    "the last code point": "\U0010ffff",
    "fullwidth": "\uff1cscript\uff1e",
}
PASSWORDS: Final = {"current_password", "new_password", "refresh_token"}
ASTRAL: Final = "\N{GRINNING FACE}"  # one code point, two UTF-16 units, four bytes


@pytest_asyncio.fixture
async def writer(person: MakePerson, make_room: MakeRoom) -> Writer:
    """Give somebody a room, a message and a socket."""
    ada, outlaw = await asyncio.gather(person(), person())
    room = await make_room(ada)
    return Writer(ada, outlaw, await ada.connect(), room, await say(ada, room, "first"))


async def test_every_text_of_a_body_is_written_to_by_a_door(server: ServerProcess) -> None:
    """A new one has to take its row in `text_doors.FIELDS`; what follows rules of its own is listed here."""
    async with http_client(server) as http:
        document = done(await http.get("/openapi.json"))
    schemas = document["components"]["schemas"]
    texts: set[str] = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schema = content["schema"]
                for name in (schema.get("anyOf", [{}])[0] | schema).get("$ref", "").rpartition("/")[2:]:
                    texts |= {
                        f"{method.upper()} {path} {field}"
                        for field, rule in schemas[name]["properties"].items()
                        if "maxLength" in str(rule)
                    }
    own_rules = {text for text in texts if text.rpartition(" ")[2] in {"username", "password", *PASSWORDS}}
    assert texts - own_rules == {
        "POST /v1/rooms/{room_id}/messages body",
        "PATCH /v1/messages/{message_id} body",
        "POST /v1/rooms name",
        "PATCH /v1/rooms/{room_id} name",
        "POST /v1/rooms topic",
        "PATCH /v1/rooms/{room_id} topic",
        "PUT /v1/rooms/{room_id}/bans/{user_id} reason",
        "POST /v1/auth/signup display_name",
        "PATCH /v1/users/me display_name",
    }


@pytest.mark.wire("validation_error")
async def test_controls_surrogates_and_marks_that_reorder_are_refused_at_every_door(writer: Writer) -> None:
    before = await last_seq(writer.person, writer.room)
    for where, field, put in DOORS:
        for name, character in (REFUSED | ({} if field.has_lines else LINES)).items():
            assert await put(writer, f"a{character}b") is None, (where, name)
    assert await last_seq(writer.person, writer.room) == before
    for where, field, put in DOORS:
        for name, character in LINES.items() if field.has_lines else ():
            assert await put(writer, f"a{character}b") == f"a{character}b".replace("\r\n", "\n"), (where, name)


async def test_all_else_is_kept_as_it_was_sent_at_every_door(writer: Writer) -> None:
    text = "a" + "".join(KEPT.values()) + "b"
    for where, field, put in DOORS:
        assert len(text) <= field.longest
        assert await put(writer, text) == text, where


@pytest.mark.wire("validation_error")
async def test_a_text_is_as_long_as_it_may_be_at_every_door_and_not_one_code_point_more(writer: Writer) -> None:
    for where, field, put in DOORS:
        for character in ("x", ASTRAL):
            assert await put(writer, f" {character * field.longest}\n") == character * field.longest, where
            assert await put(writer, character * (field.longest + 1)) is None, where
        for empty in ("", " ", "\n\t \r\n", "\u00a0\u2003\u3000\u2028"):
            assert await put(writer, empty) == (None if field.shortest else ""), where


async def test_text_that_shows_nothing_is_text_and_marks_pile_up_as_high_as_the_text_is_long(writer: Writer) -> None:
    """A rule that told blank from not blank would refuse scripts and emoji that are written with such characters."""
    for where, field, put in DOORS:
        for text in ("\u200b", "\u2060\ufeff\u200d", "\u3164", "\u0301", "a" + "\u0301" * (field.longest - 1)):
            assert await put(writer, text) == text, where
        assert await put(writer, "a" + "\u0301" * 10_000) is None, where


async def test_what_is_refused_is_in_no_field_afterwards(writer: Writer) -> None:
    for where, _, put in DOORS:
        assert await put(writer, "wrong\x00text") is None, where
    user = done(await writer.person.http.get("/v1/users/me"))
    room = done(await writer.person.http.get(f"/v1/rooms/{writer.room['id']}"))
    rooms = done(await writer.person.http.get("/v1/rooms"))["items"]
    assert "wrong" not in str([user, room, rooms])

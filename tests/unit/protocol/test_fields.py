"""The fields that clients fill in, whatever carries them."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from pydantic import TypeAdapter, ValidationError

from api.protocol.fields import (
    Body,
    DisplayName,
    Epoch,
    Id,
    IdempotencyKey,
    Note,
    PageLimit,
    Password,
    RoomName,
    Seq,
    Username,
)

ID = "01980000-0000-7000-8000-00000000beef"


def read(field: Any, value: object) -> Any:  # noqa: ANN401 - whatever the field is
    return TypeAdapter(field).validate_python(value, strict=True)


def is_refused(field: Any, value: object) -> bool:  # noqa: ANN401 - whatever the field is
    try:
        read(field, value)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize("text", [ID, ID.upper()])
def test_an_id_has_one_form_in_the_house(text: str) -> None:
    assert read(Id, text) == ID


@pytest.mark.parametrize(
    "text",
    ["", "abc", ID[:-1], ID + "0", ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f" {ID}", ID[:-1] + "g", 7],
)
def test_what_is_no_uuid_is_refused(text: object) -> None:
    assert is_refused(Id, text)


@pytest.mark.parametrize("key", ["k", "!", "~", "x" * 64, "a b".replace(" ", "_")])
def test_a_key_is_printable_ascii_without_space(key: str) -> None:
    assert read(IdempotencyKey, key) == key


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "\t", "\u00e4", "a\n", "\x7f", 7])
def test_a_key_that_may_not_be(key: object) -> None:
    assert is_refused(IdempotencyKey, key)


@pytest.mark.parametrize(
    ("value", "refused"),
    [(0, False), (2**53 - 1, False), (2**53, True), (-1, True), ("1", True), (1.0, True), (True, True)],
)
def test_a_seq_is_an_integer_that_every_reader_keeps_exact(value: object, refused: bool) -> None:  # noqa: FBT001
    assert is_refused(Seq, value) is refused


@pytest.mark.parametrize(("value", "refused"), [(1, False), (200, False), (0, True), (201, True)])
def test_a_limit_is_1_to_200(value: int, refused: bool) -> None:  # noqa: FBT001
    assert is_refused(PageLimit, value) is refused


@pytest.mark.parametrize(("value", "refused"), [("e", False), ("", True), ("x" * 65, True)])
def test_an_epoch_is_a_short_word(value: str, refused: bool) -> None:  # noqa: FBT001
    assert is_refused(Epoch, value) is refused


@pytest.mark.filterwarnings("ignore:The 'repr' attribute")
@pytest.mark.parametrize("field", [Username, DisplayName, Password, RoomName, Note, Body, Id, IdempotencyKey])
def test_the_schema_of_a_text_says_what_is_refused(field: Any) -> None:  # noqa: ANN401 - whatever the field is
    """For text without white space at its ends, which is trimmed, and without U+FEFF, which only JavaScript trims."""
    by_schema = jsonschema_rs.validator_for(TypeAdapter(field).json_schema(), validate_formats=True)
    marks = [0, *range(0x2000, 0x2070), 0x3000, 0xE000, 0xFFFD, 0x1F375, 0x10FFFF, *range(1, 0x180)]
    words = [f"abc{chr(mark)}def" for mark in marks] + [ID, "ada", "", "  ", "\u2003", "x" * 32]
    words += ["a" * length for length in (1, 2, 3, 32, 33, 64, 65, 256, 257, 4_000, 4_001)]
    disagreed = [word for word in words if is_refused(field, word) is by_schema.is_valid(word)]
    assert disagreed == []

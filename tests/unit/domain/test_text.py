"""What text may be, as a table: the contract's paragraph *Text*, rule by rule."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest

from api.domain.text import (
    check_password,
    clean_body,
    clean_display_name,
    clean_note,
    clean_room_name,
    clean_username,
    is_reserved_username,
    name_key,
)

Rule = Callable[[str], str]

LINES: list[Rule] = [clean_display_name, clean_room_name, clean_note]
ALL: list[Rule] = [*LINES, clean_body]
ASTRAL = "\N{GRINNING FACE}"  # one code point, two UTF-16 units, four bytes


def is_refused(rule: Rule, text: str) -> bool:
    try:
        rule(text)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize(
    ("rule", "shortest", "longest"),
    [
        (clean_username, 3, 32),
        (clean_display_name, 1, 64),
        (clean_room_name, 1, 64),
        (clean_note, 0, 256),
        (clean_body, 1, 4000),
    ],
)
def test_lengths(rule: Rule, shortest: int, longest: int) -> None:
    for length in (shortest, shortest + 1, longest - 1, longest):
        assert rule("x" * length) == "x" * length
    assert is_refused(rule, "x" * (longest + 1))
    if shortest:
        assert is_refused(rule, "x" * (shortest - 1))
        assert is_refused(rule, "")


@pytest.mark.parametrize(("rule", "longest"), [(clean_display_name, 64), (clean_note, 256), (clean_body, 4000)])
def test_lengths_are_counted_in_code_points_after_trimming(rule: Rule, longest: int) -> None:
    assert rule(ASTRAL * longest) == ASTRAL * longest
    assert is_refused(rule, ASTRAL * (longest + 1))
    assert rule("  " + "x" * longest + "\n ") == "x" * longest
    assert is_refused(clean_body, " \t\r\n\N{NO-BREAK SPACE} ")


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize(
    "space", [" ", "\n", "\t", "\r\n", "\r", "\N{NO-BREAK SPACE}", "\N{EM SPACE}", "\N{IDEOGRAPHIC SPACE}", "\u2028"]
)
def test_space_around_text_goes_and_space_within_stays(rule: Rule, space: str) -> None:
    assert rule(f"{space}a  b{space}") == "a  b"


@pytest.mark.parametrize(
    "text", ["a\r\nb", "a\n\n\tb", "line\u2028line", "e\u0301", "\u200b", "\ufeff", "\u200d", "\u200f"]
)
def test_a_body_stays_as_it_was_sent_but_for_carriage_returns(text: str) -> None:
    assert clean_body(text) == text.replace("\r\n", "\n")


CONTROLS = [chr(point) for point in (*range(0x20), *range(0x7F, 0xA0))]
MARKS = [chr(point) for point in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]


@pytest.mark.parametrize("rule", ALL)
def test_controls_surrogates_and_marks_that_reorder_are_refused_in_the_middle(rule: Rule) -> None:
    allowed = {"\n", "\t"} if rule is clean_body else set()
    for character in (*CONTROLS, *MARKS, *SURROGATES):
        assert is_refused(rule, f"a{character}b") is (character not in allowed), hex(ord(character))


@pytest.mark.parametrize("rule", ALL)
def test_a_control_character_at_the_edge_is_refused_and_not_trimmed(rule: Rule) -> None:
    """`str.strip` takes U+001C to U+001F and U+0085 for space."""
    for character in CONTROLS:
        if character not in "\t\n\r":
            assert is_refused(rule, f"a{character}"), hex(ord(character))


def test_every_control_character_that_unicode_knows_is_meant() -> None:
    assert {character for character in map(chr, range(0x110000)) if unicodedata.category(character) == "Cc"} == set(
        CONTROLS
    )


@pytest.mark.parametrize("text", ["ada", "Ada_Lovelace", "a.b-c", "007", "---", " ada "])
def test_a_username_that_may_be(text: str) -> None:
    assert clean_username(text) == text.strip()


@pytest.mark.parametrize("text", ["a b c", "\u00e4da", "ada!", "ad\u0430", "\uff41da", "a@b.c", "ada\u0301", "a\nda"])
def test_a_username_that_may_not_be(text: str) -> None:
    assert is_refused(clean_username, text)


@pytest.mark.parametrize(
    ("text", "is_reserved"),
    [("deleted-0123abcd", True), ("DELETED-0123ABCD", True), ("deleted-0123abc", False), ("deleted-0123abcg", False)],
)
def test_names_of_deleted_accounts_are_kept_for_them(text: str, is_reserved: bool) -> None:  # noqa: FBT001
    assert is_reserved_username(text) is is_reserved


@pytest.mark.parametrize(
    "text", ["correct horse battery", " leading", "tab\tand\nline", "\u202e", "\x07", ASTRAL * 256]
)
def test_a_password_is_taken_as_it_is(text: str) -> None:
    assert check_password(text) == text


@pytest.mark.parametrize("text", ["nul\0", "\ud800", "x" * 257])
def test_a_password_that_may_not_be(text: str) -> None:
    assert is_refused(check_password, text)


@pytest.mark.parametrize(("one", "other"), [("Ada", "aDA"), ("stra\u00dfe", "STRASSE"), ("\u03a3", "\u03c2")])
def test_names_that_differ_in_case_only_are_one(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize("rule", [*ALL, clean_username])
def test_a_reason_never_repeats_the_text(rule: Rule) -> None:
    for text in ("canary\0", "canary \u202e", "canary" * 1000):
        with pytest.raises(ValueError, match="must") as refused:
            rule(text)
        assert "canary" not in str(refused.value)

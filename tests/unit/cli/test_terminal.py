"""Lines in and out of a terminal, and text of others that must not rule it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.terminal import LineEditor, plain


def typed(*texts: str) -> tuple[list[str], LineEditor]:
    editor = LineEditor()
    return [line for text in texts for line in editor.feed(text)], editor


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("héllo wörld 👩‍👩‍👧 日本", "héllo wörld 👩‍👩‍👧 日本"),
        ("a\tb", "a    b"),
        ("\x1b[2J\x1b]0;owned\x07", "�[2J�]0;owned�"),
        ("\x9b2J", "�2J"),
        ("a\rb\x08\x7f", "a�b��"),
        ("one\ntwo", "one\n        two"),
        ("one\u2028two\u2029\x85", "one�two��"),
        ("\u202eevil\u2069\u200f", "�evil��"),
        ("\ud800", "�"),
    ],
)
def test_text_of_others_is_made_harmless(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_nothing_that_moves_the_cursor_passes(text: str) -> None:
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in plain(text) if c != "\n")


@given(st.text())
def test_a_further_line_never_begins_at_the_margin(text: str) -> None:
    assert all(line.startswith("        ") for line in plain(text).split("\n")[1:])


def test_lines_come_out_when_they_are_finished() -> None:
    lines, editor = typed("hel", "lo\rwor", "ld\n!", "")
    assert lines == ["hello", "world"]
    assert editor.text == "!"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("abc\x7f\x08", "a"),
        ("\x7f", ""),
        ("some words here\x17", "some words "),
        ("word\x17", ""),
        ("two words  \x17", "two "),
        ("all of it\x15new", "new"),
        ("a\tb", "a b"),
        ("a\x00\x01\x07b", "ab"),
        ("ab\x1b[D\x1b[1;5C\x1bOAc\x1bfd", "abcd"),
        ("日本\x7f", "日"),
    ],
)
def test_keys_that_edit(keys: str, text: str) -> None:
    _, editor = typed(keys)
    assert editor.text == text


def test_an_escape_sequence_may_arrive_in_pieces() -> None:
    _, editor = typed("a\x1b", "[", "1;5", "Cb")
    assert editor.text == "ab"


def test_ctrl_d_ends_an_empty_line_and_nothing_else() -> None:
    lines, editor = typed("text\x04\r")
    assert (lines, editor.has_ended) == (["text"], False)
    lines, editor = typed("\x04more\r")
    assert (lines, editor.has_ended) == ([], True)

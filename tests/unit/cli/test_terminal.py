"""Lines in and out of a terminal, and text of others that must not rule it."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.terminal import LineEditor, Terminal, plain, read_line


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


@contextmanager
def standard_input(patch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put a pipe in the place of standard input; give its writing end, which is closed by the test."""
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stdin:
        patch.setattr(sys, "stdin", stdin)
        yield writing


async def test_lines_of_a_pipe_come_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with standard_input(monkeypatch) as writing:
        os.write(writing, "one\ntwo \xe9 \N{SNOWMAN}".encode()[:-1])
        os.write(writing, "\N{SNOWMAN}".encode()[-1:] + b"\n\n\xff\nlast")
        os.close(writing)
        with Terminal() as terminal:
            assert not terminal.is_interactive
            terminal.prompt("room> ")
            terminal.show("hello")
            assert [line async for line in terminal.lines()] == ["one", "two \xe9 \N{SNOWMAN}", "", "\ufffd", "last"]
    assert capsys.readouterr().out == "hello\n", "a pipe gets no prompt"


async def test_a_pipe_without_anything_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with standard_input(monkeypatch) as writing:
        os.close(writing)
        assert [line async for line in Terminal().lines()] == []


def test_one_line_can_be_read_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with standard_input(monkeypatch) as writing:
        os.write(writing, "ad\xe9\r\nrest".encode())
        os.close(writing)
        assert read_line() == "ad\xe9"
        assert sys.stdin.read() == "rest"
        with pytest.raises(EOFError):
            read_line()


def test_what_the_output_cannot_show_becomes_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    Terminal().show("caf\xe9")
    assert shown.getvalue() == b"caf?\n"

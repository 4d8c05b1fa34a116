"""Passwords come from a prompt or from standard input, never from the arguments."""

import getpass
import io
import sys

import pytest

from api.cli.refusal import Refusal
from api.cli.user import read_password


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("text", ["a long password", "a long password\n", "a long password\na long password\n"])
def test_one_line_or_the_same_twice_is_the_password(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert read_password(from_stdin=False) == "a long password"


def test_two_that_differ_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\nother\n"))
    with pytest.raises(Refusal, match="differ"):
        read_password(from_stdin=False)


def test_in_a_terminal_it_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["a long password", "a long password", "one", "other"])
    monkeypatch.setattr(sys, "stdin", Terminal("not this one\n"))
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(answers))
    assert read_password(from_stdin=False) == "a long password"
    with pytest.raises(Refusal, match="differ"):
        read_password(from_stdin=False)


def test_standard_input_can_be_asked_for_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("a long password\n"))
    assert read_password(from_stdin=True) == "a long password"


def test_what_no_password_can_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("x" * 300))
    with pytest.raises(Refusal, match="at most 256"):
        read_password(from_stdin=False)

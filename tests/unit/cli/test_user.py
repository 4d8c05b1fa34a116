"""`chat user ...` on a database without a server; tests/server/test_cli_users.py has one beside it."""

from __future__ import annotations

import json

import pytest

from tests.support.commands import Chat, Done

PASSWORD = "correct horse battery"


@pytest.fixture
def ada(chat: Chat) -> Chat:
    """Give the command in a folder whose database has the user Ada."""
    made = chat("user", "create", "Ada", text=f"{PASSWORD}\n")
    assert made.out == "Ada: account made\n"
    return chat


def events(done: Done) -> list[str]:
    return [json.loads(line)["event"] for line in done.err.splitlines()]


@pytest.mark.parametrize(
    ("command", "answer", "event"),
    [
        ("suspend", "Ada: suspended", "user.suspended"),
        ("unsuspend", "Ada: not suspended any more", "user.unsuspended"),
        ("promote", "Ada: admin", "user.promoted"),
        ("demote", "Ada: no admin any more", "user.demoted"),
        ("reset-password", "Ada: password set, all sessions ended", "user.password_reset"),
    ],
)
def test_the_answer_is_on_standard_output_and_the_log_on_standard_error(
    command: str, answer: str, event: str, ada: Chat
) -> None:
    done = ada("user", command, "ADA", text=f"{PASSWORD}!\n")
    assert (done.code, done.out) == (0, f"{answer}\n")
    assert events(done) == [event]
    assert PASSWORD not in done.out + done.err


def test_the_first_command_makes_the_database_and_says_so_in_the_log(chat: Chat) -> None:
    done = chat("user", "create", "ada", text=f"{PASSWORD}\n")
    assert events(done) == ["store.migrated", "room.created", "user.created"]


@pytest.mark.parametrize(
    ("arguments", "text", "words"),
    [
        (["suspend", "nobody"], "", "nobody: "),
        (["suspend", "no name"], "", "the username "),
        (["create", "ada"], f"{PASSWORD}\n", "ada: "),
        (["create", "eve"], "short\n", "eve: password must have at least 12 characters"),
        (["create", "eve"], f"{PASSWORD}\nanother\n", "the two passwords differ"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], text: str, words: str, ada: Chat) -> None:
    ada("user", *arguments, text=text).refused(words)


def test_a_database_that_cannot_be_used_is_named(chat: Chat) -> None:
    chat.data_dir.mkdir()
    (chat.data_dir / "chat.db").write_text("a letter\n" * 100, encoding="utf-8")
    chat("user", "suspend", "ada").refused(str(chat.data_dir / "chat.db"), "is no SQLite database")

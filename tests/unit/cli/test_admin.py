"""`chat migrate`, `backup` and `restore`: the answer on standard output, the log on standard error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli.data_folder import locked_data_folder
from tests.support.commands import Chat


def test_a_database_is_made_saved_and_put_back(chat: Chat) -> None:
    database = chat.data_dir / "chat.db"
    made = chat("migrate")
    assert made.out.startswith(f"{database}: now at ")
    assert json.loads(made.err)["event"] == "store.migrated"
    again = chat("migrate")
    assert (again.out.rstrip().endswith("already"), again.err) == (True, "")
    saved = chat("backup", "monday")
    assert (saved.out, saved.err) == (f"monday: {(chat.folder / 'monday').stat().st_size} bytes\n", "")
    put_back = chat("restore", "monday")
    assert put_back.out.splitlines() == [
        f"{database}: restored, with 0 rooms",
        f"{database}.before-restore: the database before; delete it when all is well",
    ]
    assert json.loads(put_back.err)["event"] == "store.restored"


def test_a_backup_can_be_put_where_nothing_was(chat: Chat) -> None:
    chat("migrate")
    chat("backup", "monday")
    chat.data_dir = chat.folder / "elsewhere"
    assert chat("restore", "monday").out == f"{chat.data_dir / 'chat.db'}: restored, with 0 rooms\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["backup", "a.backup"], ["there is no database at"]),
        (["restore", "nowhere"], ["there is no file nowhere"]),
        (["restore", "letter"], ["letter is no backup of this program"]),
    ],
)
def test_what_cannot_be_backed_up_or_restored_is_named(arguments: list[str], words: list[str], chat: Chat) -> None:
    (chat.folder / "letter").write_text("Dear friend,\n" * 100, encoding="utf-8")
    chat(*arguments).refused(*words)


def test_where_there_is_nothing_to_back_up_nothing_is_made(chat: Chat) -> None:
    chat("backup", "monday").refused("there is no database")
    assert list(chat.folder.iterdir()) == []


def test_nothing_is_restored_under_a_running_server(chat: Chat) -> None:
    with locked_data_folder(chat.data_dir):
        chat("restore", "some.backup").refused("CHAT_DATA_DIR", "a server is running")


def test_a_folder_that_cannot_be_made_is_named(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    chat.data_dir = tmp_path / "file" / "data"
    chat("migrate").refused("CHAT_DATA_DIR", "cannot be made")

"""Where the `CHAT_` variables stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.sources import ENVIRONMENT, variables
from tests.support.commands import without_settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    without_settings(monkeypatch)


def test_those_of_the_environment_win_and_others_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CHAT_PORT=1\nCHAT_HOST=a\nOTHER=2\nchat_signup=closed\n", encoding="utf-8")
    monkeypatch.setenv("CHAT_PORT", "2")
    monkeypatch.setenv("CHATTER", "3")
    assert variables() == {"CHAT_PORT": ENVIRONMENT, "CHAT_HOST": ".env", "chat_signup": ".env"}


def test_a_file_need_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_PORT", "2")
    assert variables() == variables(None) == {"CHAT_PORT": ENVIRONMENT}


def test_a_file_of_another_name_is_named(tmp_path: Path) -> None:
    other = tmp_path / "chat.env"
    other.write_text("CHAT_PORT=1\n", encoding="utf-8")
    assert variables(other) == {"CHAT_PORT": str(other)}


def test_a_file_that_is_no_text_is_an_error() -> None:
    Path(".env").write_bytes(b"CHAT_HOST=\xff\xfe\n")
    with pytest.raises(UnicodeDecodeError):
        variables()

"""`chat config`: every setting as it holds, where it comes from, and nothing secret."""

from __future__ import annotations

import json

import pytest

from api.cli.config import without_passwords
from config.settings import Settings
from tests.support.commands import Chat

SECRET = "canary-canary-canary-canary-canary"


def rows(out: str) -> dict[str, list[str]]:
    return {line.split("  ")[0].strip(): line.split() for line in out.splitlines()}


def test_each_setting_has_its_value_and_its_place(chat: Chat) -> None:
    (chat.folder / ".env").write_text("CHAT_PORT=9001\nCHAT_HOST=127.0.0.2\nCHAT_STALL_SECONDS=7.0\n", encoding="utf-8")
    found = rows(chat("config", PORT="9002", ALLOWED_HOSTS="a.example, b.example").out)
    assert [name for name in found if name.startswith("CHAT_")] == list(map(Settings.variable, Settings.model_fields))
    assert found["CHAT_PORT"][1:] == ["9002", "environment"]
    assert found["CHAT_HOST"][1:] == ["127.0.0.2", ".env"]
    assert found["CHAT_ALLOWED_HOSTS"][1:] == ["a.example,b.example", "environment"]
    assert found["CHAT_STALL_SECONDS"][1:] == ["7", ".env"]
    assert found["CHAT_DOCS_ENABLED"][1:] == ["true", "default"]
    assert found["CHAT_REDIS_URL"][1:] == ["default"]
    assert found["CHAT_RATE_LIMIT_LOGIN"][1:] == ["10/15", "minutes", "default"]


def test_what_follows_from_the_settings_is_written_out(chat: Chat) -> None:
    found = rows(chat("config", DATA_DIR="here").out)
    assert found["data folder"][2:] == [str(chat.folder / "here"), "derived"]
    assert found["database"][1:] == [str(chat.folder / "here" / "chat.db"), "derived"]
    assert found["secret"][1:] == [str(chat.folder / "here" / "secret.key"), "derived"]
    assert found["address"][1:] == ["http://127.0.0.1:8000", "derived"]
    assert list(chat.folder.iterdir()) == [], "nothing is made"


@pytest.mark.parametrize(
    ("env", "words"), [({"PORT": "0"}, "a free port"), ({"HOST": "not a name"}, "no address of this machine")]
)
def test_an_address_that_is_not_known_yet_is_said_to_be(env: dict[str, str], words: str, chat: Chat) -> None:
    done = chat("config", **env)
    assert done.code == 0
    assert words in done.out


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_secret_is_printed(options: list[str], chat: Chat) -> None:
    done = chat("config", *options, SECRET_KEYS=f"{SECRET}1,{SECRET}2")
    assert done.code == 0
    assert SECRET not in done.out + done.err
    assert done.out.count("(hidden)") == 2


def test_machines_get_one_object(chat: Chat) -> None:
    (chat.folder / ".env").write_text("CHAT_SIGNUP=closed\n", encoding="utf-8")
    report = json.loads(chat("config", "--json", ALLOWED_HOSTS="a.example", SECRET_KEYS=SECRET).out)
    assert list(report["settings"]) == list(map(Settings.variable, Settings.model_fields))
    assert report["settings"]["CHAT_SIGNUP"] == {"value": "closed", "source": ".env"}
    assert report["settings"]["CHAT_ALLOWED_HOSTS"] == {"value": ["a.example"], "source": "environment"}
    assert report["settings"]["CHAT_PORT"] == {"value": 8000, "source": "default"}
    assert report["settings"]["CHAT_SECRET_KEYS"] == {"value": ["(hidden)"], "source": "environment"}
    assert report["derived"]["secret"] == "CHAT_SECRET_KEYS"


def test_settings_that_cannot_be_read_are_one_line(chat: Chat) -> None:
    chat("config", PORT="http").refused("CHAT_PORT")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+asyncpg://me:hunter2@db/chat", "postgresql+asyncpg://me:(hidden)@db/chat"),
        ("redis://:hunter2@bus:6379/0", "redis://:(hidden)@bus:6379/0"),
        ("redis://bus/0?password=hunter2&db=1", "redis://bus/0?password=(hidden)&db=1"),
        ("redis://bus/0?db=1;TOKEN=hunter2", "redis://bus/0?db=1;TOKEN=(hidden)"),
        ("postgresql://me:hunter2/@x:1@db/chat", "postgresql://me:(hidden)@db/chat"),
        ("sqlite+aiosqlite:////var/lib/chat/chat.db", "sqlite+aiosqlite:////var/lib/chat/chat.db"),
        ("https://chat.example.com:8443", "https://chat.example.com:8443"),
    ],
)
def test_passwords_inside_an_url_are_hidden(text: str, shown: str) -> None:
    assert without_passwords(text) == shown

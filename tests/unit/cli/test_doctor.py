"""`chat doctor`: its table, its report, its exit codes; that it disturbs nothing, leaves nothing, tells no secret."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.cli import doctor as module
from api.cli.checks.finding import Finding, Level, fault, ok
from api.cli.doctor import checks, examine
from api.store.schema import migrate
from config.settings import Settings
from tests.docs.terminals import Screen
from tests.support.commands import Chat
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.server import ServerProcess, chat_environment, run_chat

SECRET = "canary" + "0123456789ABCDEFGHIJ" * 2


@pytest.fixture
def sound(chat: Chat) -> Chat:
    """Give the command in a data folder that has nothing against it but that it is new."""
    chat.data_dir.mkdir(mode=0o700)
    migrate(f"sqlite+aiosqlite:///{chat.data_dir / 'chat.db'}")
    return chat


def levels(report: str) -> dict[str, str]:
    return {finding["check"]: finding["level"] for finding in json.loads(report)["findings"]}


def everything(folder: Path) -> dict[str, Any]:
    """Give all that is below a folder: modes, and the times of change and the contents of files."""
    return {
        str(path): (
            stat.S_IMODE(path.stat().st_mode),
            (path.stat().st_mtime_ns, path.read_bytes()) if path.is_file() else None,
        )
        for path in folder.rglob("*")
    }


def test_a_first_look_finds_no_fault_and_makes_nothing(chat: Chat) -> None:
    done = chat("doctor", PORT="0")
    assert (done.code, done.err) == (0, "")
    assert list(chat.folder.iterdir()) == []
    assert " 0 fault, " in done.out.splitlines()[-1]


def test_what_is_there_stays_as_it_was(sound: Chat) -> None:
    before = everything(sound.folder)
    assert sound("doctor", PORT="0").code == 0
    assert everything(sound.folder) == before


def test_each_area_has_its_heading_and_each_fault_its_remedy(sound: Chat) -> None:
    (sound.data_dir / "secret.key").write_text("k3y" * 12, encoding="utf-8")
    (sound.data_dir / "secret.key").chmod(0o644)
    done = sound("doctor", PORT="0")
    lines = done.out.splitlines()
    headings = [line for line in lines if line and not line.startswith(" ")][:-1]
    assert headings == [
        *("settings", "secrets", "passwords", "data_folder", "database", "clock", "machine", "port", "proxy"),
    ]
    at = next(number for number, line in enumerate(lines) if line.startswith("  fault    file: others"))
    assert lines[at + 1] == f"           → chmod 600 {sound.data_dir / 'secret.key'}, and renew it."
    assert done.code == 1
    assert "\x1b" not in done.out, "no colours where nobody looks"


def test_machines_get_one_object(sound: Chat) -> None:
    done = sound("doctor", "--json", PORT="0", RATE_LIMITS_ENABLED="false")
    report = json.loads(done.out)
    assert done.code == 0, "a warning is no fault"
    assert report["counts"]["warning"] >= 1
    assert report["counts"]["fault"] == 0
    assert sum(report["counts"].values()) == len(report["findings"])
    assert {"check", "level", "found", "action"} == report["findings"][0].keys()
    assert levels(done.out)["settings.rate_limits_enabled"] == "warning"


def test_a_fault_is_1(sound: Chat) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0)
        port = str(taken.getsockname()[1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("api.cli.checks.port.TIMEOUT_S", 0.1)
            done = sound("doctor", "--json", PORT=port)
    assert (done.code, levels(done.out)["port.listen"]) == (1, "fault")


def test_settings_that_cannot_be_read_are_one_line_each(chat: Chat) -> None:
    done = chat("doctor", PORT="http", WORKERS="4")
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first.startswith("chat: CHAT_PORT: ")
    assert second.startswith("chat: CHAT_WORKERS: ")
    assert list(chat.folder.iterdir()) == []


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_secret_is_printed(options: list[str], sound: Chat) -> None:
    (sound.data_dir / "secret.key").write_text(SECRET, encoding="utf-8")
    (sound.folder / ".env").write_text(f"CHAT_SECRET_KEYS={SECRET}1,changeme{SECRET}\n", encoding="utf-8")
    done = sound("doctor", *options, PORT="0")
    assert done.code == 1
    assert "canary" not in done.out + done.err


def test_the_public_address_is_asked_when_it_is_named(sound: Chat) -> None:
    done = sound("doctor", "--json", "--url", "ftp://nowhere", PORT="0")
    assert (done.code, levels(done.out)["address.answer"]) == (1, "fault")
    assert [area for area, _ in checks(None)] == [area for area, _ in checks("https://a.example")][:-1]


def test_a_check_that_breaks_is_a_fault_and_the_others_are_run() -> None:
    def broken(_settings: Settings) -> Iterator[Finding]:
        yield ok("first.thing", "fine")
        raise PermissionError(13, "Permission denied", "/var/lib/chat/chat.db")

    def silent(_settings: Settings) -> Iterator[Finding]:
        if _settings.port:
            raise AssertionError
        yield ok("second.thing", "never")

    def sound(_settings: Settings) -> Iterator[Finding]:
        yield ok("third.thing", "fine")

    found = list(examine(Settings.load(None), [("first", broken), ("second", silent), ("third", sound)]))
    assert [(one.check, one.level) for one in found] == [
        ("first.thing", Level.OK),
        ("first.check", Level.FAULT),
        ("second.check", Level.FAULT),
        ("third.thing", Level.OK),
    ]
    assert "PermissionError: [Errno 13] Permission denied: '/var/lib/chat/chat.db'" in found[1].found


def test_texts_cannot_play_tricks_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    module._print_table(iter([fault("a.b", "\x1b[2J\rgone", "do\nthis")]))
    out = capsys.readouterr().out
    assert "\x1b[2J" not in out
    assert "\r" not in out


async def test_a_running_server_is_not_disturbed(
    server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    """It is found and asked; it sees no change of its database, and answers all the while."""
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    await asyncio.sleep(0.7)  # what other tests changed has been seen: the server looks every half second
    changes, lines = len(server.find_logs("node.external_change")), len(server.logs())
    looking = asyncio.create_task(asyncio.to_thread(_doctor_beside, server))
    sent = 0
    while not looking.done():
        await socket.ok("message.send", room_id=room["id"], body="canary")
        sent += 1
        await asyncio.sleep(0.01)
    code, report = await looking
    found = levels(report)
    assert (found["port.listen"], found["port.ready"], found["database.write"]) == ("ok", "ok", "ok")
    assert [name for name, level in found.items() if level == "fault"] == []
    assert code == 0
    assert sent > 1
    await asyncio.sleep(0.7)
    assert len(server.find_logs("node.external_change")) == changes
    told = {line["event"] for line in server.logs()[lines:]}
    assert told <= {"node.stats"}, "not a line of it is in the log"


def _doctor_beside(server: ServerProcess) -> tuple[int, str]:
    done = run_chat(server.data_dir, "doctor", "--json", PORT=str(server.port))
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_on_a_terminal_it_has_colours_and_keeps_to_the_width(sound: Chat) -> None:
    env = chat_environment(sound.data_dir, RATE_LIMITS_ENABLED="false") | {"TERM": "xterm", "COLUMNS": "70"}
    env.pop("NO_COLOR", None)
    screen = Screen(f"{sys.executable} -m api doctor", sound.folder, env)
    try:
        text = screen.wait_for(r"\d+ skipped$")
        assert "\x1b[" in screen._written.decode()
    finally:
        screen.close()
    assert max(len(line) for line in text.splitlines() if str(sound.folder) not in line) <= 70

"""docs/operations.md says what the code says: settings, metrics, log events, commands."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import typer
from prometheus_client import ProcessCollector

from api.cli import build_cli
from api.cli.doctor import checks
from api.domain.errors import ErrorCode
from api.log_events import CATALOGUE
from api.rest.metric_families import METRICS
from config.settings import Settings
from tests.docs.pages import REPOSITORY, blocks, page, sections
from tests.docs.terminals import Shell
from tests.support.commands import Chat
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import fresh_password, http_client, login
from tests.support.server import ServerProcess

OPERATIONS = page("docs/operations.md")


def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", REPOSITORY / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", tables().PAGES)
def test_the_tables_are_as_docs_tables_py_writes_them(path: str) -> None:
    script = tables()
    assert script.with_tables(page(path), script.PAGES[path]) == page(path), "run docs/tables.py"


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"CHAT_[A-Z_]+[A-Z]", OPERATIONS)) - {"CHAT_RATE_LIMIT"}  # CHAT_RATE_LIMIT_…: of that name
    assert named == {Settings.variable(field) for field in Settings.model_fields}


def test_the_alerts_ask_for_metrics_and_labels_that_there_are() -> None:
    (rules,) = [block.text for block in blocks(OPERATIONS) if block.text.startswith("groups:")]
    kinds = {metric.name: metric for metric in METRICS}
    of_process = {family.name for family in ProcessCollector(registry=None).collect()}
    asked = re.findall(r"\b((?:chat|process)_\w+?)(?:_bucket)?(?:\{(\w+)=\"(\w+)\"\})?(?=[^\w{])", rules)
    assert len(asked) >= 10
    for name, label, value in asked:
        assert name in kinds or name in of_process, name
        assert not label or label in kinds[name].labels, (name, label)
        assert label != "code" or value in set(ErrorCode), value
    for line in rules.splitlines():
        for event in re.findall(r"[a-z]+\.[a-z_]+", line.partition("#")[2]):
            assert event in CATALOGUE, event


def test_every_command_is_told_of() -> None:
    root = typer.main.get_command(build_cli())
    assert isinstance(root, typer.core.TyperGroup)
    user = root.commands["user"]
    assert isinstance(user, typer.core.TyperGroup)
    names = {*root.commands.keys() - {"user"}, *(f"user {name}" for name in user.commands)}
    assert {name for name in names if f"chat {name}" not in OPERATIONS} == set()


async def test_the_questions_to_the_log_have_answers(
    make_server: MakeServer, person: MakePerson, tmp_path: Path
) -> None:
    server = make_server()
    ada = await person("ada", server=server)
    socket = await ada.connect()
    async with http_client(server) as http:
        answer = await login(http, "ada", fresh_password())
        await http.get("/v1/users/me", headers={"Authorization": "Bearer stolen"})
    assert server.terminate() == 0
    await socket.closed()

    shutil.copy(server.data_dir.with_name(server.data_dir.name + ".stdout"), tmp_path / "chat.log")
    (questions,) = [block.text for block in blocks(OPERATIONS) if block.text.startswith("grep ")]
    connection_id, request_id = socket.welcome["connection_id"], answer.headers["X-Request-ID"]
    questions = questions.replace('"connection_id":"…"', f'"connection_id":"{connection_id}"')
    questions = questions.replace('"request_id":"…"', f'"request_id":"{request_id}"')
    shell = Shell(tmp_path, os.environ)
    try:
        stats, failing, guessers, attackers, still_open, named, connected, requested = map(
            shell.run, questions.strip().splitlines()
        )
        log = (tmp_path / "chat.log").read_text().replace("ws.disconnected", "ws.…")
        (tmp_path / "chat.log").write_text(log)
        unparted = shell.run(next(line for line in questions.splitlines() if line.startswith("tac ")))
    finally:
        shell.close()
    assert '"connections":0' in stats
    assert "auth.login_failed" in failing
    assert guessers.split() == ["1", '"client":"127.0.0.1"']
    assert attackers.split() == ["2", '"client":"127.0.0.1"'], "the password, and the token"
    assert still_open.split() == []
    assert unparted.split() == [f'"connection_id":"{connection_id}"']
    assert ada.id in named
    assert [event for event in ("ws.connected", "ws.disconnected") if event in connected] != []
    assert "auth.login_failed" in requested
    assert "http.request" in requested


def test_the_doctor_is_called_and_answers_as_shown(
    server: ServerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (commands,) = [block.text for block in blocks(OPERATIONS) if block.text.startswith("chat doctor")]
    (shown,) = [block.text for block in blocks(OPERATIONS) if block.text.startswith("data_folder")]
    chat = Chat(tmp_path, capsys)
    chat.data_dir.mkdir()
    chat.data_dir.chmod(0o755)
    lines = [shlex.split(line, comments=True) for line in commands.splitlines()]
    assert {line[0] for line in lines} == {"chat"}
    table, from_outside, report, config = [
        chat(*(word.replace("https://chat.example.com", server.url) for word in line[1:]), PORT="0") for line in lines
    ]
    assert shown.replace("/var/lib/chat", str(chat.data_dir)) in table.out
    assert "address" in from_outside.out.splitlines()
    assert {finding["level"] for finding in json.loads(report.out)["findings"]} == {"ok", "warning", "skipped"}
    assert str(chat.data_dir / "chat.db") in config.out
    assert [done.code for done in (table, from_outside, report, config)] == [0, 0, 0, 0]


def test_every_area_of_the_doctor_is_told_of() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", sections(OPERATIONS)["The doctor"], re.MULTILINE))
    assert told == {*(area for area, _ in checks("https://chat.example.com")), "clock"}

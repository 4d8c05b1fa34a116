"""docs/operations.md says what the code says: settings, log events, commands."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import typer

from api.cli import build_cli
from config.settings import Settings
from tests.docs.pages import REPOSITORY, blocks, page
from tests.docs.terminals import Shell
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import fresh_password, http_client, login

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
    assert server.terminate() == 0
    await socket.closed()

    shutil.copy(server.data_dir.with_name(server.data_dir.name + ".stdout"), tmp_path / "chat.log")
    (questions,) = [block.text for block in blocks(OPERATIONS) if block.text.startswith("grep ")]
    connection_id, request_id = socket.welcome["connection_id"], answer.headers["X-Request-ID"]
    questions = questions.replace('"connection_id":"…"', f'"connection_id":"{connection_id}"')
    questions = questions.replace('"request_id":"…"', f'"request_id":"{request_id}"')
    shell = Shell(tmp_path, os.environ)
    try:
        stats, failing, attackers, named, connected, requested = map(shell.run, questions.strip().splitlines())
    finally:
        shell.close()
    assert '"connections":0' in stats
    assert "auth.login_failed" in failing
    assert attackers.split() == ["1", '"client":"127.0.0.1"']
    assert ada.id in named
    assert [event for event in ("ws.connected", "ws.disconnected") if event in connected] != []
    assert "auth.login_failed" in requested
    assert "http.request" in requested

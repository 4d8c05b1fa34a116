"""docs/operations.md says what the code says: settings, log events, commands."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import typer

from api.cli import build_cli
from config.settings import Settings
from tests.docs.pages import REPOSITORY, page

OPERATIONS = page("docs/operations.md")


def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", REPOSITORY / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_as_docs_tables_py_writes_them() -> None:
    current: str = tables().with_tables(OPERATIONS)
    assert current == OPERATIONS, "run docs/tables.py"


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

"""Imports point down only, and every contract that says so would notice the opposite."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, REPOSITORY

# For each contract in pyproject.toml: lines that break it, and where they are written. A new file is made.
SABOTAGE = [
    ("layers", "api/protocol/codec.py", "import api.services.rooms"),
    ("layers", "api/services/rooms.py", "import api.resources"),
    ("layers", "api/ws/endpoint.py", "import api.rest.auth"),
    ("layers", "api/middleware/context.py", "import api.dependencies"),
    ("layers", "api/server/runner.py", "import api.app"),
    ("layers", "api/server/runner.py", "import api.cli"),
    ("layers", "api/store/writer.py", "import api.broadcast.base"),
    ("layers", "api/broadcast/hub.py", "import api.services.rooms"),
    ("layers", "api/store/writer.py", "import api.security.passwords"),
    ("layers", "api/log_events.py", "import api.domain.errors"),
    ("layers", "api/utils.py", "import json"),
    ("acyclic", "api/store/tables.py", "import api.store.writer"),
    ("acyclic", "api/domain/errors.py", "import api.protocol.problems"),
    ("settings", "api/services/rooms.py", "import config.settings"),
    ("settings", "api/server/runner.py", "from config.settings import Settings"),
    ("settings", "api/store/sqlite.py", "import config.logging"),
    ("config-is-apart", "config/values.py", "import api.domain.errors"),
    ("backends", "api/services/rooms.py", "import api.store.append_sqlite"),
    ("backends", "api/services/rooms.py", "from api.store.sqlite import open_sqlite_store"),
    ("backends", "api/app.py", "import api.broadcast.memory"),
    ("uvicorn", "api/ws/endpoint.py", "import uvicorn"),
    ("uvicorn", "api/app.py", "from uvicorn.protocols import utils"),
    ("core", "api/services/rooms.py", "import fastapi"),
    ("core", "api/services/rooms.py", "import sqlalchemy"),
    ("core", "api/broadcast/hub.py", "from starlette.websockets import WebSocket"),
    ("core", "api/protocol/codec.py", "import fastapi"),
    ("domain", "api/domain/models.py", "import pydantic"),
    ("client", "clients/python/chat_client/models.py", "import api.domain.errors"),
    ("client-users", "api/services/rooms.py", "import chat_client"),
]


def run_import_linter(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # The folder of the sources comes first on the path, before this checkout's own.
    path = os.pathsep.join([str(tree), str(tree / "clients" / "python")])
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
            *options,
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        target = tree / package.relative_to(REPOSITORY)
        shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    shutil.copy(REPOSITORY / "pyproject.toml", tree)
    return tree


def contract_ids() -> list[str]:
    config = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["id"] for contract in config["tool"]["importlinter"]["contracts"]]


def test_the_contracts_hold(pristine: Path) -> None:
    done = run_import_linter(pristine)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_is_sabotaged_below() -> None:
    assert {contract for contract, _, _ in SABOTAGE} == set(contract_ids())


@pytest.mark.parametrize(("contract", "file", "line"), SABOTAGE, ids=[f"{c}: {f}: {line}" for c, f, line in SABOTAGE])
def test_a_contract_notices_its_breach(contract: str, file: str, line: str, pristine: Path) -> None:
    path = pristine / file
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        done = run_import_linter(pristine, "--contract", contract)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Contracts: 0 kept, 1 broken." in done.stdout, done.stdout

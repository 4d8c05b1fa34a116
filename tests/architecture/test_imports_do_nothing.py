"""Importing any module opens, starts, configures and writes nothing."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import PACKAGES, modules

# Runs in a process of its own: this one has imported and configured a lot already.
PROBE = """
import importlib, logging, os, sys, threading
seen = []
def watch(event, arguments):
    if event in {"socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir", "os.fork"}:
        seen.append((event, arguments))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append((event, arguments))
handlers, level = list(logging.root.handlers), logging.root.level
environment = dict(os.environ)
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
import asyncio, structlog
assert not seen, seen
assert threading.active_count() == 1, threading.enumerate()
assert (logging.root.handlers, logging.root.level) == (handlers, level), logging.root.handlers
assert not structlog.is_configured()
assert dict(os.environ) == environment
assert os.listdir(".") == []
"""


def module_names() -> list[str]:
    names = []
    for path in modules():
        package = next(package for package in PACKAGES if path.is_relative_to(package))
        parts = path.relative_to(package.parent).with_suffix("").parts
        if "migrations" not in parts and parts[-1] != "__main__":  # run by Alembic, and by `python -m`
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def test_importing_has_no_side_effect(tmp_path: Path) -> None:
    roots = os.pathsep.join(sorted({str(package.parent) for package in PACKAGES}))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHAT_")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROBE, *module_names()],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": roots},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

"""`python -m api`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from api import __version__
from tests.support.server import chat_environment, run_chat


def test_it_is_the_command_chat(tmp_path: Path) -> None:
    assert run_chat(tmp_path, "--version").stdout == f"{__version__}\n"


def test_an_old_python_is_refused_with_one_line(tmp_path: Path) -> None:
    """A plain checkout can be run by any Python; syntax of today further in would be a riddle to its user."""
    pretend = "import runpy, sys; sys.version_info = (3, 10, 4); runpy.run_module('api', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", pretend],
        cwd=tmp_path,
        env=chat_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "chat: Python 3.11 or newer is needed, this is 3.10\n"

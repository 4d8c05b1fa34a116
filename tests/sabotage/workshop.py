"""Copies of the project in which something can be broken, and the tests run in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.sabotage.sabotage import Edit

REPOSITORY: Final = Path(__file__).resolve().parents[2]
RUN_SECONDS: Final = 240
_COPIED: Final = ("api", "config", "clients", "docs", "tests", ".env.example", "README.md", "pyproject.toml")
_PYTEST: Final = ("-q", "-p", "pytest_asyncio.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider", "--tb=short")
# Only names that stand nowhere: a change that cannot run at all would make every test fail and prove nothing.
_BROKEN: Final = ("--select", "E9,F821,F822,F823")


@dataclass(frozen=True)
class Outcome:
    """How a run of pytest ended."""

    code: int
    output: str

    def has_failed(self, node_id: str) -> bool:
        """Tell whether this test has failed: in itself, not in its fixtures."""
        return re.search(rf"^FAILED {re.escape(node_id)}(\[| |$)", self.output, re.MULTILINE) is not None


class Workshop:
    """One copy of the project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in _COPIED:
            source = REPOSITORY / name
            if source.is_dir():
                # With the compiled files, whose times still match: what is not changed need not be compiled again.
                shutil.copytree(source, folder / name)
            else:
                shutil.copy2(source, folder / name)

    def apply(self, edit: Edit) -> None:
        """Change a file; fails where the text to replace is not there exactly once, or what comes out is no code."""
        path = self._folder / edit.file
        text = path.read_text(encoding="utf-8")
        count = text.count(edit.old)
        assert count == 1, f"{edit.file} holds the text to replace {count} times: {edit.old!r}"
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
        checked = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", *_BROKEN, str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr

    def run(self, node_ids: Sequence[str]) -> Outcome:
        """Run these tests on the copy."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *_PYTEST, *node_ids],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def _environment(self) -> dict[str, str]:
        # Nothing of the run around this one: not its options, its coverage, its worker or its copy of the code.
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV", "CHAT_"))}
        paths = (self._folder, self._folder / "clients" / "python")
        return ours | {
            "PYTHONPATH": os.pathsep.join(str(path) for path in paths),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "COLUMNS": "200",
        }

"""What the architecture tests read: the files of the repository."""

import ast
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = (REPOSITORY / "api", REPOSITORY / "config", REPOSITORY / "clients" / "python" / "chat_client")
_SKIPPED = {".git", ".venv", "data", "dist", "build", "__pycache__", ".hypothesis", "htmlcov"}


def modules() -> Iterator[Path]:
    """Give every Python file that is shipped."""
    for package in PACKAGES:
        yield from sorted(path for path in package.rglob("*.py") if "__pycache__" not in path.parts)


def parsed_modules() -> Iterator[tuple[str, ast.Module]]:
    for path in modules():
        yield path.relative_to(REPOSITORY).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def tracked_files() -> list[Path]:
    """Give the files under version control; outside a checkout, all but what tools make."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"],  # noqa: S607 - the developer's git, wherever it is
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split("\0")
        paths = [REPOSITORY / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        paths = []
        for folder, folders, files in os.walk(REPOSITORY):
            folders[:] = [name for name in folders if name not in _SKIPPED and not name.endswith("_cache")]
            paths += [Path(folder, name) for name in files]
    return [path for path in paths if path.is_file()]

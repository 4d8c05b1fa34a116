"""Files are small, named for what they hold, and speak of no machine but the reader's own."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, modules, parsed_modules, tracked_files

LINES_MAX = 300
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "misc", "base_manager", "tools", "shared"}
# Where a package comes from, and where this was written, is nobody's business. The brackets let this file pass.
FOREIGN = re.compile(
    r"registry[.]npmjs|python[h]osted|--(extra-)?index[-]url|--find[-]links|file:[/]//"
    r"|(?<![\w.~])/(root|work|home|Users|tmp)[/]\w"
)


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_a_module_is_short_and_has_a_name_that_says_something(path: Path) -> None:
    assert path.stem not in VAGUE
    if "migrations" not in path.parts:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX


def test_no_registry_and_no_path_of_a_machine_is_in_a_file() -> None:
    found = []
    for path in tracked_files():
        if "assets" in path.parts:
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{path.relative_to(REPOSITORY)}: {match[0]}" for match in FOREIGN.finditer(text)]
    assert found == []


def test_tokens_are_decoded_in_one_place_only() -> None:
    users, decoders = set(), []
    for name, module in parsed_modules():
        for node in ast.walk(module):
            imported = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if any(one.split(".")[0] == "jose" for one in imported):
                users.add(name)
            if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".")[-2:] in (
                ["jwt", "decode"],
                ["jws", "verify"],
                ["jwt", "get_unverified_claims"],
            ):
                decoders.append(name)
    assert users == {"api/security/tokens.py"}
    assert decoders == ["api/security/tokens.py"]

"""docs/security.md: every attack has an answer, a test that is there, and a proof that the test needs the answer."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import REPOSITORY, page
from tests.sabotage.rows import TOPICS

PAGE: Final = page("docs/security.md")
# 8, 9, 10, 50 and 64 ask for guards that the server does not have yet.
ROWS: Final = [str(row) for row in range(1, 69) if row not in {8, 9, 10, 50, 64}]
TRAPS: Final = [f"T{row}" for row in range(1, 15) if row not in {3, 4, 7}]

_ROW: Final = re.compile(
    r"^\| (?P<number>T?\d+) \| (?P<attack>.+?) \| (?P<answer>.+?) \| (?P<tests>.+?) \|$", re.MULTILINE
)
_TEST: Final = re.compile(r"\[`(?P<file>\w+\.py)::(?P<name>[\w:]+)`\]\(\.\./(?P<path>tests/[\w/]+\.py)\)")


def rows() -> dict[str, re.Match[str]]:
    return {found["number"]: found for found in _ROW.finditer(PAGE)}


def named_in(row: str) -> list[str]:
    """Give the node ids that a row names."""
    return [f"{found['path']}::{found['name']}" for found in _TEST.finditer(rows()[row]["tests"])]


@functools.cache
def defined_in(path: str) -> frozenset[str]:
    """Give the names of the tests of a file, those in classes behind the name of the class."""
    top = ast.parse((REPOSITORY / path).read_text(encoding="utf-8")).body
    scopes = {"": top} | {f"{node.name}::": node.body for node in top if isinstance(node, ast.ClassDef)}
    found = {
        prefix + node.name
        for prefix, body in scopes.items()
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return frozenset(found)


def test_every_attack_and_every_trap_has_one_row_in_its_order() -> None:
    assert [found["number"] for found in _ROW.finditer(PAGE)] == [*ROWS, *TRAPS]


@pytest.mark.parametrize("row", rows())
def test_a_row_names_tests_that_are_there(row: str) -> None:
    cell = rows()[row]["tests"]
    assert named_in(row) != []
    for found in _TEST.finditer(cell):
        assert Path(found["path"]).name == found["file"]
        assert found["name"] in defined_in(found["path"]), f"{found['path']} has no {found['name']}"
    assert re.sub(r"[\s,]|<br>", "", _TEST.sub("", cell)) == "", "nothing but tests stands in the last cell"


@pytest.mark.parametrize("row", rows())
def test_for_every_row_a_defence_is_removed_or_it_is_said_why_not(row: str) -> None:
    sabotaged = [one for topic in TOPICS.values() for one in topic.sabotages if row in one.rows]
    reasons = [topic.without[row] for topic in TOPICS.values() if row in topic.without]
    assert sabotaged or reasons
    assert len(reasons) <= 1
    for sabotage in sabotaged:
        named = {test.partition("[")[0] for test in sabotage.tests}
        assert named & set(named_in(row)), f"row {row} does not name what fails when they {sabotage.what}"


def test_what_fails_without_a_defence_is_named_in_a_row_of_it() -> None:
    for topic in TOPICS.values():
        for sabotage in topic.sabotages:
            named = {test for row in sabotage.rows for test in named_in(row)}
            assert {test.partition("[")[0] for test in sabotage.tests} <= named, sabotage

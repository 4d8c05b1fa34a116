"""What is taken away, and which tests must notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One change of the source: `old` stands in `file` exactly once and is replaced by `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Sabotage:
    """One defence removed.

    Args:
        rows: of the table in docs/security.md.
        what: the code does without it.
        edits: all of them at once; more than one where the defence has a second layer behind it.
        tests: node ids; a test with parameters counts as failed when one of its cases fails.
    """

    rows: Sequence[str]
    what: str
    edits: Sequence[Edit]
    tests: Sequence[str]


@dataclass(frozen=True)
class Topic:
    """The sabotages of some rows, and why other rows can have none."""

    sabotages: Sequence[Sabotage]
    without: Mapping[str, str]

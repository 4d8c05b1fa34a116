"""What a check has found, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Level(StrEnum):
    """How bad it is; `skipped`: it could not be looked at, or there is nothing to look at yet."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; neither text ever holds a secret.

    `check` is `area.name`, and part of the interface. `action` is empty where there is nothing to do.
    """

    check: str
    level: Level
    found: str
    action: str = ""


Findings: TypeAlias = Iterator[Finding]


def ok(check: str, found: str) -> Finding:
    return Finding(check, Level.OK, found)


def warning(check: str, found: str, action: str) -> Finding:
    return Finding(check, Level.WARNING, found, action)


def fault(check: str, found: str, action: str) -> Finding:
    return Finding(check, Level.FAULT, found, action)


def skipped(check: str, found: str, action: str = "") -> Finding:
    return Finding(check, Level.SKIPPED, found, action)

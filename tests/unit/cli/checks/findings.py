"""Findings by their names, as a test asks for them."""

from __future__ import annotations

from collections.abc import Iterable

from api.cli.checks.finding import Finding, Level


def by_check(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Give each finding by its name, of several the last; each that is not ok says what to do, unless skipped."""
    found = {}
    for finding in findings:
        assert finding.level in {Level.OK, Level.SKIPPED} or finding.action, finding
        assert finding.level is not Level.OK or not finding.action, finding
        assert "\n" not in finding.found + finding.action, finding
        found[finding.check] = finding
    return found


def worst(findings: Iterable[Finding]) -> dict[str, Level]:
    """Give the level of each finding that is a warning or a fault."""
    return {name: one.level for name, one in by_check(findings).items() if one.level in {Level.WARNING, Level.FAULT}}

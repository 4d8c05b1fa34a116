"""Password hashing works, and is quick enough."""

from __future__ import annotations

import pytest

from api.cli.checks import passwords as module
from api.cli.checks.finding import Level
from api.cli.checks.passwords import check_passwords
from api.security.passwords import Passwords, Verdict
from config.settings import Settings
from tests.unit.cli.checks.findings import by_check


@pytest.fixture
def settings() -> Settings:
    return Settings.load(None)


def test_a_hash_takes_its_time_and_is_told(settings: Settings) -> None:
    finding = by_check(check_passwords(settings))["passwords.hash"]
    assert finding.level in {Level.OK, Level.WARNING}, "a busy machine may be slow"
    assert "argon2id, 19 MiB" in finding.found


def test_a_slow_machine_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOW_MS", 0)
    assert by_check(check_passwords(settings))["passwords.hash"].level is Level.WARNING


@pytest.mark.parametrize("verdict", [Verdict(is_right=True), Verdict(is_right=False)])
def test_a_library_that_believes_all_or_none_is_a_fault(
    verdict: Verdict, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Passwords, "_verify", lambda *_: verdict)
    assert by_check(check_passwords(settings))["passwords.hash"].level is Level.FAULT

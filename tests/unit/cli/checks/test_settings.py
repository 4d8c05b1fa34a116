"""Settings that are valid, and may still not be what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.cli.checks.finding import Level
from api.cli.checks.settings import check_settings, is_loopback
from config.settings import Settings
from tests.support.commands import without_settings
from tests.unit.cli.checks.findings import by_check, worst

SECRET = "k3y" * 12
# A server behind a proxy on the same machine, with nothing to say against it.
SOUND: dict[str, Any] = {
    "environment": "production",
    "secret_keys": SECRET,
    "data_dir": "/var/lib/chat",
    "trusted_proxies": "127.0.0.1",
    "allowed_hosts": "chat.example.com",
    "allowed_origins": "https://app.example.com",
    "docs_enabled": False,
}
EVERYWHERE = ".".join("0000")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    without_settings(monkeypatch)


def test_a_bare_checkout_and_a_sound_server_have_nothing_to_be_told() -> None:
    assert worst(check_settings(Settings.load(None))) == {}
    assert worst(check_settings(Settings.load(None, **SOUND))) == {}


@pytest.mark.parametrize(
    ("changed", "check", "level", "words"),
    [
        ({"environment": "development", "host": EVERYWHERE}, "environment", "warning", "listens on"),
        ({"environment": "development", "host": "chat.internal"}, "environment", "warning", "chat.internal"),
        ({"data_dir": "data"}, "data_dir", "warning", "depends on the folder"),
        ({"trusted_proxies": ""}, "trusted_proxies", "warning", "no proxy is named"),
        ({"trusted_proxies": "", "host": EVERYWHERE}, "trusted_proxies", "warning", "not encrypted"),
        ({"trusted_proxies": "10.0.0.1,0.0.0.0/0"}, "trusted_proxies", "fault", "0.0.0.0/0 is everybody"),
        ({"trusted_proxies": "::/0"}, "trusted_proxies", "fault", "::/0 is everybody"),
        ({"allowed_hosts": ""}, "allowed_hosts", "warning", "any Host"),
        ({"allowed_origins": "http://app.example.com"}, "allowed_origins", "warning", "http://app.example.com"),
        ({"allowed_origins": "https://localhost:3000"}, "allowed_origins", "warning", "localhost:3000"),
        ({"docs_enabled": True}, "docs_enabled", "warning", "/docs"),
        ({"rate_limits_enabled": False}, "rate_limits_enabled", "warning", "guessed"),
        ({"heartbeat_seconds": 60}, "times", "warning", "60 s"),
        ({"access_token_seconds": 60}, "times", "warning", "at once"),
        ({"log_level": "error"}, "log_level", "warning", "who connects"),
    ],
)
def test_what_is_suspicious_is_told_alone(changed: dict[str, Any], check: str, level: str, words: str) -> None:
    findings = list(check_settings(Settings.load(None, **{**SOUND, **changed})))
    assert worst(findings) == {f"settings.{check}": Level(level)}
    assert words in by_check(findings)[f"settings.{check}"].found


def test_pages_of_a_developer_are_no_matter_in_development() -> None:
    assert worst(check_settings(Settings.load(None, allowed_origins="http://localhost:3000"))) == {}


@pytest.mark.parametrize(("mode", "told"), [(0o600, {}), (0o640, {"settings.env_file": Level.WARNING})])
def test_secrets_in_a_file_that_others_may_read_are_told(mode: int, told: dict[str, Level]) -> None:
    path = Path(".env")
    path.write_text(f"CHAT_SECRET_KEYS={SECRET}\n", encoding="utf-8")
    path.chmod(mode)
    findings = list(check_settings(Settings.load(None)))
    assert worst(findings) == told
    assert SECRET not in str(findings)


def test_a_file_without_secrets_may_be_read_by_others() -> None:
    Path(".env").write_text("CHAT_PORT=9001\n", encoding="utf-8")
    Path(".env").chmod(0o644)
    findings = by_check(check_settings(Settings.load(None)))
    assert findings["settings.env_file"].level is Level.OK
    assert str(Path(".env").absolute()) in findings["settings.env_file"].found


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
def test_some_hosts_are_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "chat.example.com"])
def test_other_hosts_can_be_reached_by_others(host: str) -> None:
    assert not is_loopback(host)

"""The secrets that sign access tokens."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from api.cli.checks import keys
from api.cli.checks.finding import Level
from api.cli.checks.keys import check_keys, self_test, strength
from api.domain.errors import ChatError, ErrorCode
from api.security.tokens import AccessTokens, Claims
from config.settings import Settings
from tests.unit.cli.checks.findings import by_check, worst

STRONG = ["Zq8" + "0123abcdefXYZ_-" * 3 + str(number) for number in range(5)]


def settings(folder: Path, **values: Any) -> Settings:  # noqa: ANN401 - as Settings.load
    return Settings.load(None, data_dir=folder, **values)


def keep(folder: Path, text: str = STRONG[0], mode: int = 0o600) -> Path:
    path = folder / "secret.key"
    path.write_text(f"{text}\n", encoding="utf-8")
    path.chmod(mode)
    return path


def test_where_none_is_yet_none_is_made(tmp_path: Path) -> None:
    found = by_check(check_keys(settings(tmp_path)))
    assert {name: one.level for name, one in found.items()} == {"secrets.file": Level.SKIPPED}
    assert list(tmp_path.iterdir()) == []


def test_a_kept_one_signs_and_is_not_told(tmp_path: Path) -> None:
    keep(tmp_path)
    findings = list(check_keys(settings(tmp_path)))
    assert worst(findings) == {}
    assert {"secrets.file", "secrets.1", "secrets.tokens"} == by_check(findings).keys()
    assert STRONG[0] not in str(findings)


def test_given_ones_are_tried_each_and_the_kept_one_is_said_to_be_unused(tmp_path: Path) -> None:
    keep(tmp_path)
    findings = list(check_keys(settings(tmp_path, secret_keys=",".join(STRONG[:2]))))
    assert worst(findings) == {}
    found = by_check(findings)
    assert found.keys() == {"secrets.file", "secrets.rotation", "secrets.1", "secrets.2", "secrets.tokens"}
    assert "not used" in found["secrets.file"].found
    assert "900 s" in found["secrets.rotation"].found
    assert [secret for secret in STRONG if secret in str(findings)] == []


def test_many_secrets_are_many_that_can_leak(tmp_path: Path) -> None:
    assert worst(check_keys(settings(tmp_path, secret_keys=",".join(STRONG[:4])))) == {
        "secrets.rotation": Level.WARNING
    }


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_may_read_is_a_fault(mode: int, tmp_path: Path) -> None:
    keep(tmp_path, mode=mode)
    assert worst(check_keys(settings(tmp_path))) == {"secrets.file": Level.FAULT}


def test_an_old_file_is_told(tmp_path: Path) -> None:
    path = keep(tmp_path)
    then = time.time() - 400 * 86_400
    os.utime(path, (then, then))
    findings = list(check_keys(settings(tmp_path)))
    assert worst(findings) == {"secrets.file": Level.WARNING}
    assert "400 days" in by_check(findings)["secrets.file"].found


@pytest.mark.parametrize("content", [b"hunter2", b"\xff" * 40])
def test_a_file_without_a_secret_is_a_fault(content: bytes, tmp_path: Path) -> None:
    keep(tmp_path).write_bytes(content)
    findings = list(check_keys(settings(tmp_path)))
    assert worst(findings) == {"secrets.file": Level.FAULT}
    assert "secrets.tokens" not in by_check(findings)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir(mode=0o700)
    findings = list(check_keys(settings(tmp_path)))
    assert worst(findings) == {"secrets.file": Level.FAULT}
    assert "Is a directory" in by_check(findings)["secrets.file"].found


@pytest.mark.parametrize(
    "secret",
    [
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "A-STRING-SECRET-AT-LEAST-256-BITS-LONG",
        "changeme-changeme-changeme-changeme",
        "please-replace-me-with-something-random!",
        "django-insecure-4f8#k2!p9x$w7q@m1z",
        "k" * 64,
        "0123" * 16,
        "Zq8Xw5Rt1Lp9Mn4K" * 2,
    ],
)
def test_what_everybody_knows_or_can_guess_is_a_fault(secret: str) -> None:
    finding = strength("secrets.1", secret)
    assert finding.level is Level.FAULT
    assert secret not in finding.found + finding.action


def test_random_ones_pass() -> None:
    for _ in range(200):
        assert strength("secrets.1", secrets.token_hex(32)).level is Level.OK
        assert strength("secrets.1", secrets.token_urlsafe(48)).level is Level.OK


class Believing(AccessTokens):
    """Believes every token."""

    def decode(self, token: str) -> Claims:
        return Claims(keys._SOMEBODY, "", "", 0, 0)


class Doubting(AccessTokens):
    """Believes none."""

    def decode(self, token: str) -> Claims:
        raise ChatError(ErrorCode.INVALID_TOKEN, "")


@pytest.mark.parametrize(("broken", "words"), [(Believing, "changed passes"), (Doubting, "is refused")])
def test_a_broken_signature_is_a_fault(broken: type[AccessTokens], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a library does that was put in the place of the one that is tested."""
    monkeypatch.setattr(keys, "AccessTokens", broken)
    finding = self_test(STRONG[:2], life_seconds=900)
    assert finding.level is Level.FAULT
    assert words in finding.found

"""Whom the server takes a client for."""

from __future__ import annotations

from typing import Any

import pytest

from api.cli.checks import proxy
from api.cli.checks.finding import Level
from api.cli.checks.proxy import check_proxy, seen_as
from config.settings import Settings
from tests.unit.cli.checks.findings import by_check, worst


def check(trusted_proxies: str) -> dict[str, Any]:
    return by_check(check_proxy(Settings.load(None, trusted_proxies=trusted_proxies)))


@pytest.mark.parametrize(
    ("peer", "proxies", "seen"),
    [
        ("127.0.0.1", ["127.0.0.1"], ("203.0.113.7", "https")),
        ("127.0.0.1", [], ("127.0.0.1", "http")),
        ("10.1.2.3", ["10.0.0.0/8"], ("203.0.113.7", "https")),
        ("192.0.2.1", ["10.0.0.0/8"], ("192.0.2.1", "http")),
        ("::1", ["::1"], ("203.0.113.7", "https")),
    ],
)
def test_a_header_counts_from_a_proxy_alone(peer: str, proxies: list[str], seen: tuple[str, str]) -> None:
    assert seen_as(peer, proxies) == seen


def test_each_proxy_is_tried_and_a_stranger() -> None:
    found = check("127.0.0.1,10.0.0.0/8")
    assert {name: one.level for name, one in found.items()} == {
        "proxy.client": Level.OK,
        "proxy.stranger": Level.OK,
    }


def test_without_a_proxy_nobody_is_believed() -> None:
    assert check("").keys() == {"proxy.stranger"}


def test_a_proxy_that_is_not_believed_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "seen_as", lambda peer, _proxies: (peer, "http"))
    assert {name: one.level for name, one in check("127.0.0.1").items()} == {
        "proxy.client": Level.FAULT,
        "proxy.stranger": Level.OK,
    }


def test_everybody_as_a_proxy_is_a_fault() -> None:
    assert worst(check_proxy(Settings.load(None, trusted_proxies=".".join("0000") + "/0")))["proxy.stranger"] is (
        Level.FAULT
    )

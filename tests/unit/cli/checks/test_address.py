"""The public address, through proxies good and careless, with a real server behind them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from api.cli.checks.address import check_address
from api.cli.checks.finding import Finding, Level
from tests.support.certificates import make_certificate
from tests.support.fixtures import MakeServer
from tests.support.reverse_proxy import CLIENT, GOOD, UPGRADE, ReverseProxy
from tests.support.server import ServerProcess
from tests.unit.cli.checks.findings import by_check, worst

Check = Callable[..., list[Finding]]
CLOSED = dict.fromkeys(("/readyz", "/metrics"), b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
TEAPOT = b"HTTP/1.1 418 Teapot\r\nContent-Length: 5\r\nContent-Type: application/json\r\n\r\n[418]"


@pytest.fixture
def behind(server_with: MakeServer) -> ServerProcess:
    """Give a server that knows its proxy and its name."""
    return server_with(TRUSTED_PROXIES="127.0.0.1", ALLOWED_HOSTS="127.0.0.1,localhost", METRICS_ENABLED="false")


@pytest.fixture
def check(behind: ServerProcess) -> Iterator[Check]:
    """Look at that server, or at another, through a proxy that is as the test wants it."""
    started: list[ReverseProxy] = []

    def run(server: ServerProcess = behind, answers: Mapping[str, bytes] | None = None, **how: Any) -> list[Finding]:  # noqa: ANN401 - as ReverseProxy
        started.append(ReverseProxy(server.port, answers={**CLOSED, **(answers or {})}, **how))
        return list(check_address(started[-1].url))

    yield run
    for proxy in started:
        proxy.close()


async def test_a_good_proxy_has_nothing_to_be_told(check: Check, behind: ServerProcess) -> None:
    found = by_check(await asyncio.to_thread(check))
    assert {name: one.level for name, one in found.items()} == {
        "address.answer": Level.OK,
        "address.headers": Level.OK,
        "address.websocket": Level.OK,
        "address.forwarded": Level.OK,
        "address.client": Level.SKIPPED,
        "address.readyz": Level.OK,
        "address.metrics": Level.OK,
    }


async def test_the_servers_log_shows_the_client_under_the_id_that_is_told(check: Check, behind: ServerProcess) -> None:
    action = by_check(await asyncio.to_thread(check))["address.client"].action
    request_id = action.partition("request_id ")[2].partition(":")[0]
    line = await behind.wait_for_log("ws.refused", request_id=request_id)
    assert (line["client"], line["code"]) == (CLIENT, "missing_token")
    assert line["user_agent"].startswith("chat-doctor/")


def test_a_page_is_told_by_its_address_and_not_by_the_list_of_other_sites(behind: ServerProcess) -> None:
    """An address that is in CHAT_ALLOWED_ORIGINS too is let in whatever the proxy says; no entry is spelt like this."""
    proxy = ReverseProxy(behind.port)
    by_check(check_address(proxy.url))
    proxy.close()
    origin = proxy.url.replace("http", "HTTP")
    assert len([head for head in proxy.asked if f"\r\norigin: {origin}\r\n" in head.replace("Origin", "origin")]) == 2


def test_a_server_without_a_proxy_in_front_is_open_in_more_than_one_way(behind: ServerProcess) -> None:
    """It believes who it is told to believe: here the doctor, who comes from the proxy's address."""
    assert worst(check_address(behind.url)) == {
        "address.forwarded": Level.FAULT,
        "address.readyz": Level.WARNING,
    }


def test_a_proxy_that_does_not_pass_the_upgrade(check: Check) -> None:
    findings = check(drops=UPGRADE)
    assert worst(findings) == {"address.websocket": Level.FAULT}
    assert "ordinary request" in by_check(findings)["address.websocket"].found


def test_a_proxy_that_hides_the_name_of_the_address(check: Check) -> None:
    findings = check(sets={**GOOD, "Host": "backend"})
    assert worst(findings) == {"address.websocket": Level.FAULT}
    assert "CHAT_ALLOWED_HOSTS" in by_check(findings)["address.websocket"].action


def test_a_proxy_that_tells_another_scheme_than_the_addresss(check: Check) -> None:
    """So does, for https, one that is not trusted: the server then believes that it speaks plain HTTP."""
    findings = check(sets={**GOOD, "X-Forwarded-Proto": "https"})
    assert worst(findings) == {"address.websocket": Level.FAULT}
    assert "CHAT_TRUSTED_PROXIES" in by_check(findings)["address.websocket"].action


def test_a_proxy_that_passes_on_what_clients_say_of_themselves(check: Check) -> None:
    findings = check(sets={})
    assert worst(findings) == {"address.forwarded": Level.FAULT}


def test_a_proxy_that_keeps_headers_to_itself(check: Check) -> None:
    findings = check(loses=("x-request-id", "referrer-policy"))
    assert worst(findings) == {"address.headers": Level.WARNING}
    assert "X-Request-ID, Referrer-Policy" in by_check(findings)["address.headers"].found


@pytest.mark.parametrize(
    ("status", "code", "level"),
    [
        ("503 Service Unavailable", "draining", Level.WARNING),
        ("429 Too Many Requests", "rate_limited", Level.WARNING),
        ("502 Bad Gateway", "", Level.FAULT),
        ("500 Internal Server Error", "internal_error", Level.FAULT),
    ],
)
def test_other_answers_to_a_handshake(status: str, code: str, level: Level, check: Check) -> None:
    body = f'{{"code":"{code}"}}' if code else "<html>"
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    assert worst(check(answers={"/v1/ws": answer})) == {"address.websocket": level}


def test_what_the_world_need_not_ask(check: Check) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    assert worst(check(answers={"/readyz": page, "/metrics": page})) == {
        "address.readyz": Level.WARNING,
        "address.metrics": Level.WARNING,
    }


def test_something_else_at_the_address(check: Check) -> None:
    findings = check(answers={"/healthz": TEAPOT})
    assert worst(findings) == {"address.answer": Level.FAULT}
    assert "418" in by_check(findings)["address.answer"].found


def test_nobody_at_the_address() -> None:
    findings = list(check_address("http://127.0.0.1:9"))
    assert worst(findings) == {"address.answer": Level.FAULT}
    assert "no answer from http://127.0.0.1:9" in by_check(findings)["address.answer"].found


@pytest.mark.parametrize(
    "url",
    ["chat.example.com", "ftp://chat.example.com", "https://", "https://me:hunter2@a.example", "http://[", ""],
)
def test_what_is_no_address(url: str) -> None:
    findings = list(check_address(url))
    assert worst(findings) == {"address.answer": Level.FAULT}
    assert "hunter2" not in str(findings)


def test_an_address_over_plain_http_is_told(monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    monkeypatch.setattr("api.cli.checks.address.is_loopback", lambda _host: False)
    assert worst(check()) == {"address.tls": Level.WARNING}


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Give the context of a server whose certificate is trusted here."""
    certificate, context = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return context


HTTPS = {**GOOD, "X-Forwarded-Proto": "https"}


def test_over_https_a_good_proxy_has_nothing_to_be_told(tls: ssl.SSLContext, check: Check) -> None:
    assert worst(check(tls=tls, sets=HTTPS)) == {}


def test_over_https_a_proxy_that_the_server_does_not_trust_is_a_fault(
    tls: ssl.SSLContext, check: Check, server: ServerProcess
) -> None:
    """The server believes that it speaks plain HTTP, and refuses its own pages."""
    findings = check(server, tls=tls, sets=HTTPS)
    assert worst(findings) == {"address.websocket": Level.FAULT}
    assert "CHAT_TRUSTED_PROXIES" in by_check(findings)["address.websocket"].action


def test_over_https_a_proxy_that_tells_no_scheme_is_a_fault(tls: ssl.SSLContext, check: Check) -> None:
    assert worst(check(tls=tls, sets={})) == {"address.websocket": Level.FAULT}


def test_a_certificate_that_is_not_trusted_is_a_fault(tmp_path: Path, check: Check) -> None:
    _, context = make_certificate(tmp_path)
    findings = check(tls=context)
    assert worst(findings) == {"address.answer": Level.FAULT}
    assert "certificate" in by_check(findings)["address.answer"].found

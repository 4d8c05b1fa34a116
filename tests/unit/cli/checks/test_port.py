"""The address to listen on, and who has it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.cli.checks import port as module
from api.cli.checks.finding import Finding, Level
from api.cli.checks.port import check_port
from api.cli.data_folder import locked_data_folder
from config.settings import Settings
from tests.support.server import ServerProcess
from tests.unit.cli.checks.findings import by_check, worst

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """Listen on a port, and answer as many requests, one after the other; a further one waits for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                try:
                    client, _ = listener.accept()
                except OSError:  # the test asked for fewer
                    return
                with client:
                    client.recv(65_536)
                    client.sendall(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def readiness(**checks: str) -> bytes:
    listed = ",".join(f'"{name}":"{state}"' for name, state in checks.items())
    body = f'{{"status":"x","checks":{{{listed}}}}}'
    return f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def check(folder: Path, port: int, host: str = "127.0.0.1") -> list[Finding]:
    return list(check_port(Settings.load(None, data_dir=folder, host=host, port=port)))


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_free_one_is_fine(tmp_path: Path, free_port: int) -> None:
    finding = by_check(check(tmp_path, free_port))["port.listen"]
    assert (finding.level, f"port {free_port} on 127.0.0.1 is free" in finding.found) == (Level.OK, True)


def test_any_free_one_cannot_be_looked_at(tmp_path: Path) -> None:
    assert by_check(check(tmp_path, 0))["port.listen"].level is Level.SKIPPED


@pytest.mark.parametrize("host", ["not a name", "192.0.2.1"])
def test_a_host_that_is_not_here_is_a_fault(host: str, tmp_path: Path, free_port: int) -> None:
    findings = check(tmp_path, free_port, host)
    assert worst(findings) == {"port.listen": Level.FAULT}
    assert "CHAT_HOST" in by_check(findings)["port.listen"].found


def test_a_server_that_listens_elsewhere_is_told(tmp_path: Path, free_port: int) -> None:
    with locked_data_folder(tmp_path):
        findings = check(tmp_path, free_port)
    assert worst(findings) == {"port.listen": Level.WARNING}


async def test_the_running_server_is_asked(server: ServerProcess) -> None:
    findings = await asyncio.to_thread(check, server.data_dir, server.port)
    found = by_check(findings)
    assert {name: one.level for name, one in found.items()} == {"port.listen": Level.OK, "port.ready": Level.OK}
    assert found["port.listen"].found in {
        f"the server (process {server.pid}) answers at {server.url}",
        f"a server answers at {server.url}",
    }
    assert "database ok" in found["port.ready"].found


def test_a_server_of_another_folder_is_a_fault(server: ServerProcess, tmp_path: Path) -> None:
    findings = check(tmp_path, server.port)
    assert worst(findings) == {"port.listen": Level.FAULT}
    assert "another folder" in by_check(findings)["port.listen"].found


@pytest.mark.parametrize(
    ("checks", "level"),
    [
        ({"database": "failed", "node": "ok"}, Level.FAULT),
        ({"database": "ok", "node": "draining"}, Level.WARNING),
        ({"database": "failed", "node": "draining"}, Level.FAULT),
    ],
)
def test_a_server_that_is_not_ready_is_told(checks: dict[str, str], level: Level, tmp_path: Path) -> None:
    with locked_data_folder(tmp_path), answering(OK, readiness(**checks)) as port:
        assert worst(check(tmp_path, port)) == {"port.ready": level}


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        OK,
    ],
)
def test_another_program_with_the_port_is_a_fault(answer: bytes, tmp_path: Path) -> None:
    with answering(answer, answer) as port:
        findings = check(tmp_path, port)
    assert worst(findings) == {"port.listen": Level.FAULT}
    assert "another program" in by_check(findings)["port.listen"].found


def test_another_program_that_speaks_no_http_is_a_fault(tmp_path: Path) -> None:
    with answering(b"220 mail.example.com ESMTP\r\n") as port:
        findings = check(tmp_path, port)
    assert worst(findings) == {"port.listen": Level.FAULT}
    assert "no HTTP" in by_check(findings)["port.listen"].found


def test_a_server_that_hangs_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.2)
    with locked_data_folder(tmp_path), answering() as port:
        findings = check(tmp_path, port)
    assert worst(findings) == {"port.listen": Level.FAULT}
    assert "does not answer" in by_check(findings)["port.listen"].found

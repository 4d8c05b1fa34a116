"""How a server process starts and ends, with its exit codes (`runner_process` is the process)."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from api.server.runner import server_config
from tests.unit.server.fake_wire import HANDSHAKE, accept_and_park

EXIT_SECONDS = 15
REPOSITORY = Path(__file__).resolve().parents[3]


class Process:
    """A running `runner_process`; every line it prints is read once."""

    def __init__(self, mode: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("runner_process.py")), mode],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = 0

    @property
    def _stdout(self) -> IO[str]:
        assert self.popen.stdout is not None
        return self.popen.stdout

    def line(self) -> str:
        """Wait for the next line (the test's own deadline ends a wait in vain)."""
        return self._stdout.readline().rstrip("\n")

    def started(self) -> None:
        """Wait until it serves."""
        word, _, port = self.line().partition(" ")
        assert word == "started"
        self.port = int(port)

    def get(self, path: str) -> int:
        """Ask once; gives the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def end(self) -> tuple[int, list[str], str]:
        """Wait for the exit; gives the code, the lines that are left, and standard error."""
        out, err = self.popen.communicate(timeout=EXIT_SECONDS)
        return self.popen.returncode, out.splitlines(), err


@pytest.fixture
def start() -> Iterator[Callable[[str], Process]]:
    """Start processes, which are gone at the end."""
    started: list[Process] = []

    def make(mode: str = "well") -> Process:
        started.append(Process(mode))
        return started[-1]

    yield make
    for process in started:
        process.popen.kill()
        process.popen.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_while_requests_are_answered_then_exits_with_0(
    start: Callable[[], Process], number: signal.Signals
) -> None:
    process = start()
    process.started()
    process.popen.send_signal(number)
    assert process.line() == "drain 0.25"
    assert process.get("/") == 200, "still accepting"
    assert process.get("/release") == 200
    assert process.end() == (0, ["drained", "shut down", "returned"], "")


def test_a_second_signal_ends_the_process_at_once(start: Callable[[], Process]) -> None:
    process = start()
    process.started()
    with socket.create_connection(("127.0.0.1", process.port), timeout=5) as client:
        client.sendall(HANDSHAKE)
        assert client.recv(12) == b"HTTP/1.1 101"
        process.popen.send_signal(signal.SIGTERM)
        assert process.line() == "drain 0.25"
        process.popen.send_signal(signal.SIGTERM)
        code, lines, _ = process.end()
    assert code == 128 + signal.SIGTERM
    assert "shut down" not in lines


@pytest.mark.parametrize("mode", ["drain fails", "drain hangs"])
def test_a_drain_that_fails_is_logged_and_the_server_ends_all_the_same(
    start: Callable[[str], Process], mode: str
) -> None:
    process = start(mode)
    process.started()
    process.popen.send_signal(signal.SIGTERM)
    code, lines, err = process.end()
    assert code == 0
    assert lines[-2:] == ["shut down", "returned"]
    assert "The drain failed" in err


def test_without_resources_a_signal_ends_the_server(start: Callable[[str], Process]) -> None:
    process = start("no resources")
    process.started()
    process.popen.send_signal(signal.SIGTERM)
    assert process.end() == (0, ["shut down", "returned"], "")


def test_a_failed_start_is_an_exception_with_its_cause_and_no_traceback(start: Callable[[str], Process]) -> None:
    code, lines, err = start("start fails").end()
    assert (code, lines) == (2, [r"failed LookupError('no such\nfolder')"])
    assert "Traceback" not in err


def test_two_signals_end_a_start_that_hangs(start: Callable[[str], Process]) -> None:
    process = start("start hangs")
    assert process.line() == "starting"
    process.popen.send_signal(signal.SIGTERM)
    process.popen.send_signal(signal.SIGINT)
    code, lines, _ = process.end()
    assert code in {128 + signal.SIGINT, 128 + signal.SIGTERM}
    assert lines == []


def test_proxy_headers_count_only_from_the_proxies_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    config = server_config(accept_and_park, heartbeat_s=25)
    assert (config.proxy_headers, config.forwarded_allow_ips, config.workers) == (False, [], 1)
    config = server_config(accept_and_park, heartbeat_s=25, trusted_proxies=["10.0.0.1"])
    assert (config.proxy_headers, config.forwarded_allow_ips) == (True, ["10.0.0.1"])


def test_uvicorn_pings_where_our_wire_is_absent() -> None:
    assert server_config(accept_and_park, heartbeat_s=25).ws_ping_interval is None
    assert server_config(accept_and_park, heartbeat_s=25, ws="websockets-sansio").ws_ping_interval == 25

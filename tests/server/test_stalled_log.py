"""Nobody reads the server's log: the server goes on, and says what is missing once somebody does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pytest

from tests.support.server import chat_environment

PIPE_BYTES: Final = 65_536
QUEUE_BYTES: Final = 1024 * 1024
CONNECTIONS: Final = 4
WAIT_S: Final = 20.0
# Cut at 256 characters in the line, which has 150 and more beside it.
USER_AGENT: Final = "x" * 300
LINE_BYTES_MIN: Final = 400


class UnreadServer:
    """A server whose output is a pipe that is read up to `node.started`, and then no more until `read_on`."""

    def __init__(self, folder: Path, log_format: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve"],
            cwd=folder,
            env=chat_environment(folder / "data", RATE_LIMITS_ENABLED="false", LOG_FORMAT=log_format),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out: IO[bytes] = self.process.stdout
        self.err: IO[bytes] = self.process.stderr
        self.lines: list[bytes] = []
        self._reader = threading.Thread(target=lambda: self.lines.extend(iter(self.out.readline, b"")), daemon=True)
        while b"node.started" not in (line := self.out.readline()):
            assert line, self.err.read()
        found = re.search(rb"http://127\.0\.0\.1:(\d+)", line)
        assert found is not None
        self.port = int(found[1])

    async def ask(self, count: int, path: str = "/v1/nothing") -> int:
        """Send so many requests over one connection; give the number of answers."""
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {USER_AGENT}\r\n".encode()
        async with asyncio.timeout(WAIT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write((request + b"\r\n") * (count - 1) + request + b"Connection: close\r\n\r\n")
                return (await reader.read(-1)).count(b"HTTP/1.1 ")
            finally:
                writer.close()

    async def fill(self, size_bytes: int) -> None:
        """Let so many bytes of lines be written; every request must be answered."""
        each = size_bytes // LINE_BYTES_MIN // CONNECTIONS + 1
        answers = await asyncio.gather(*(self.ask(each) for _ in range(CONNECTIONS)))
        assert answers == [each] * CONNECTIONS

    async def read_on(self, wanted: bytes) -> None:
        """Read the output from now on, and wait for a line with this text."""
        if not self._reader.is_alive():
            self._reader.start()
        deadline = time.monotonic() + WAIT_S
        while not any(wanted in line for line in self.lines):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    def terminate(self) -> int:
        """Send SIGTERM; give the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WAIT_S)
        if self._reader.is_alive():
            self._reader.join(WAIT_S)
        return code

    def close(self) -> None:
        """End it, however the test went."""
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()


@contextlib.contextmanager
def unread_server(folder: Path, log_format: str) -> Iterator[UnreadServer]:
    server = UnreadServer(folder, log_format)
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("log_format", ["json", pytest.param("console", marks=pytest.mark.long)])
async def test_a_stalled_reader_stops_nothing_and_is_told_what_it_missed(log_format: str, tmp_path: Path) -> None:
    with unread_server(tmp_path, log_format) as server:
        await server.fill(PIPE_BYTES + QUEUE_BYTES)
        assert await server.ask(1, "/readyz") == 1
        await server.read_on(b"log.lines_dropped")
        assert await server.ask(1, "/v1/after") == 1
        await server.read_on(b"/v1/after")
        assert server.terminate() == 0
        assert server.err.read() == b""
        assert all(line.endswith(b"\n") for line in server.lines)
        (told,) = [number for number, line in enumerate(server.lines) if b"log.lines_dropped" in line]
        before, after = server.lines[:told], server.lines[told + 1 :]
        assert sum(map(len, before)) > QUEUE_BYTES
        assert any(b"/v1/after" in line for line in after)
        assert b"node.stopped" in after[-1]
        if log_format == "json":
            records = [json.loads(line) for line in server.lines]
            assert records[told]["lines"] > 0
            times = [record["timestamp"] for record in records]
            assert times == sorted(times)
        else:
            assert all(re.match(rb"\d{4}-\d\d-\d\dT", line) for line in server.lines)


async def test_a_reader_that_never_comes_back_does_not_stop_the_exit(tmp_path: Path) -> None:
    with unread_server(tmp_path, "json") as server:
        await server.fill(2 * PIPE_BYTES)
        started_s = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - started_s < 8
        assert server.err.read() == b""

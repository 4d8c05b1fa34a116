"""A real server process in a data folder of its own, and what can be seen of it from outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.support.processes import REPOSITORY, ChatProcess

START_SECONDS: Final = 30.0
EXIT_SECONDS: Final = 30.0
# Passwords and message bodies that tests make up carry this word, so that one search finds any of them in a log.
CANARY: Final = "canary"
# A JSON web token, whoever made it: two base64url parts that begin like '{"' behind each other.
_TOKEN = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}")


def chat_environment(data_dir: Path, **env: str) -> dict[str, str]:
    """Give the environment of a `chat` process: this one's but for its settings, and `env` (names without CHAT_)."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHAT_")}
    paths = [str(REPOSITORY), str(REPOSITORY / "clients" / "python"), inherited.get("PYTHONPATH", "")]
    inherited["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    settings = {"DATA_DIR": str(data_dir), "HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json"} | env
    return inherited | {f"CHAT_{name}": value for name, value in settings.items()}


def run_chat(data_dir: Path, *args: str, text: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `chat <args>` to its end; `text` is its standard input (without it: empty)."""
    with TemporaryDirectory() as name:
        stdin, stdout, stderr = (Path(name) / stream for stream in ("stdin", "stdout", "stderr"))
        stdin.write_text(text or "")
        process = ChatProcess(
            args,
            cwd=data_dir,  # a folder without .env
            env=chat_environment(data_dir, **env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(["chat", *args], code, stdout.read_text(), stderr.read_text())


class ServerProcess:
    """A process of `chat serve`; its log is kept over restarts."""

    def __init__(self, data_dir: Path, env: dict[str, str]) -> None:
        """Remember the settings; `start` makes one that runs."""
        self.data_dir = data_dir
        self.url = ""
        self.port = 0
        # Log events at level error that a test provokes on purpose; any other one fails `check_logs`.
        self.expected_errors: set[str] = set()
        self._env = {"RATE_LIMITS_ENABLED": "false"} | env
        self._stdout_path = data_dir.with_name(data_dir.name + ".stdout")
        self._stderr_path = data_dir.with_name(data_dir.name + ".stderr")
        self._secrets: set[str] = set()
        self._process: ChatProcess | None = None
        self._records: list[dict[str, Any]] = []
        self._read_to = 0

    @classmethod
    def start(cls, data_dir: Path, **env: str) -> ServerProcess:
        """Start a server on a free port and wait until it answers; `env` without the prefix CHAT_."""
        data_dir.mkdir(parents=True, exist_ok=True)
        server = cls(data_dir, env)
        server._launch()
        return server

    @property
    def ws_url(self) -> str:
        """The address of the socket endpoint."""
        return f"ws://127.0.0.1:{self.port}/v1/ws"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def _launch(self) -> None:
        self._stdout_path.touch()
        self._drop_half_a_line()
        begin = len(self.logs())
        env = self._env | ({"PORT": str(self.port)} if self.port else {})
        self._process = ChatProcess(
            ("serve",),
            cwd=self.data_dir,  # a folder without .env
            env=chat_environment(self.data_dir, **env),
            stdout=self._stdout_path,
            stderr=self._stderr_path,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for record in self.logs()[begin:]:
                if record.get("event") == "node.started":
                    self.url, self.port = str(record["url"]).rstrip("/"), int(record["port"])
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        code = self._process.poll()
        self.kill()
        raise AssertionError(f"the server did not start (exit code {code})\n{self.stderr()}\n{self._tail()}")

    def _drop_half_a_line(self) -> None:
        # A killed process may leave one, which would spoil the first line of the next.
        data = self._stdout_path.read_bytes()
        if not data.endswith(b"\n"):
            os.truncate(self._stdout_path, data.rfind(b"\n") + 1)

    def _read_log(self) -> None:
        """Parse what was written since the last time; half a line waits for its other half."""
        with self._stdout_path.open("rb") as log:
            log.seek(self._read_to)
            data = log.read()
        end = data.rfind(b"\n") + 1
        self._read_to += end
        for line in data[:end].split(b"\n")[:-1]:
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            assert isinstance(record, dict), f"not a JSON object in the log: {line!r}"
            self._records.append(record)

    def _tail(self) -> str:
        return "\n".join(json.dumps(record) for record in self._records[-20:])

    def logs(self) -> list[dict[str, Any]]:
        """Parse every line of standard output, over all restarts; a line that is no JSON object is a failure."""
        self._read_log()
        return list(self._records)

    def find_logs(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """Give the log lines of this event whose fields have these values."""
        return [
            record
            for record in self.logs()
            if record.get("event") == event and all(record.get(name) == value for name, value in fields.items())
        ]

    async def wait_for_log(self, event: str, timeout_s: float = 5, **fields: object) -> dict[str, Any]:
        """Wait for a log line of this event with these fields; one written before counts. The newest is given."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.find_logs(event, **fields)
            if found:
                return found[-1]
            assert time.monotonic() < deadline, f"no log line {event} {fields}; the last lines:\n{self._tail()}"
            await asyncio.sleep(0.02)

    def stderr(self) -> str:
        """What the process wrote to standard error, over all restarts."""
        return self._stderr_path.read_text(errors="replace") if self._stderr_path.exists() else ""

    def run_cli(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 (as subprocess.run)
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m api <args>` on this server's data folder; `input` is its standard input."""
        return run_chat(self.data_dir, *args, text=input, **self._env)

    def open_files(self) -> list[str]:
        """Give what each file descriptor of the process points at (Linux)."""
        targets = []
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                targets.append(str(descriptor.readlink()))
            except FileNotFoundError:  # closed since the folder was listed
                continue
        return targets

    def memory_bytes(self) -> int:
        """Give the resident memory of the process (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def keep_secret(self, *secrets: str) -> None:
        """Name texts that may occur nowhere in this server's log."""
        self._secrets.update(secrets)

    def check_logs(self) -> None:
        """Assert what holds for every log: JSON lines, no secret, query string or unexpected error; a silent stderr."""
        text = self._stdout_path.read_text(errors="strict") + self.stderr()
        for secret in (CANARY, "ticket=", *self._secrets):
            at = text.find(secret)
            assert at < 0, f"a secret ({secret!r}) is in the log: {text[max(0, at - 300) : at + 100]!r}"
        token = _TOKEN.search(text)
        assert token is None, f"a token is in the log: {text[max(0, token.start() - 300) : token.end()]!r}"
        for record in self.logs():
            assert {"timestamp", "level", "event"} <= record.keys(), record
            assert "?" not in str(record.get("path", "")), record
            assert record["level"] not in {"error", "critical"} or record["event"] in self.expected_errors, record
        assert self.stderr() == "", self.stderr()

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal and return at once."""
        assert self._process is not None
        self._process.send_signal(number)

    async def wait_for_exit(self, timeout_s: float = EXIT_SECONDS) -> int:
        """Wait until the process is gone, without blocking the loop; gives its exit code."""
        assert self._process is not None
        deadline = time.monotonic() + timeout_s
        while (code := self._process.poll()) is None:
            assert time.monotonic() < deadline, f"the server still runs after {timeout_s} s\n{self._tail()}"
            await asyncio.sleep(0.02)
        return code

    def kill(self) -> None:
        """Kill the process as a power cut would (SIGKILL) and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> int:
        """Send SIGTERM and wait; gives the exit code (0 after a drain). Kills and fails past EXIT_SECONDS."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for a process that was told to end; gives the exit code. Kills and fails past EXIT_SECONDS."""
        assert self._process is not None
        try:
            return self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not end within {EXIT_SECONDS} s of SIGTERM\n{self._tail()}") from None

    def restart(self, **env: str) -> None:
        """Start again on the same folder and port, `env` changed; one that still runs is ended by SIGTERM first."""
        if self.is_running:
            self.terminate()
        self._env |= env
        self._launch()

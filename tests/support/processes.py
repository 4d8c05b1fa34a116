"""Processes of the command `chat` that share the time of importing it.

Importing the server costs more than most tests do. A process that has imported it once, and done nothing else, forks
for each one that a test starts; from there on it is `python -m api` with arguments, environment, folder and standard
streams of its own.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import IO, Final

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[2]
# What a test may import before it starts a server, and a server does when it starts.
_IMPORTED: Final = ("api.cli", "api.app", "api.server.runner", "api.cli.database", "alembic.command", "uvloop")


class ChatProcess:
    """One process of `chat`, with the methods of `subprocess.Popen` that tests use."""

    def __init__(
        self,
        args: tuple[str, ...],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: Path | None = None,
        stdout: Path,
        stderr: Path,
    ) -> None:
        """Start `chat <args>`; the outputs are appended to files, the input is a file's or empty."""
        _start_origin()
        streams = (str(stdin or os.devnull), str(stdout), str(stderr))
        self._process: ForkServerProcess = multiprocessing.get_context("forkserver").Process(
            target=_run, args=(args, str(cwd), dict(env), streams)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Give the exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end; gives the exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        self._process.join(timeout_s)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("chat", timeout_s or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()


@functools.cache
def _start_origin() -> None:
    """Start the process that forks."""
    forkserver.set_forkserver_preload([__name__, *_IMPORTED])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "clients" / "python")]))
        forkserver.ensure_running()


def _run(args: tuple[str, ...], cwd: str, env: dict[str, str], streams: tuple[str, str, str]) -> None:
    """Be `python -m api <args>` from here on."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for descriptor, path in enumerate(streams):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_APPEND | os.O_CREAT
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = _stream(0, "r"), _stream(1, "w"), _stream(2, "w")
    sys.argv = ["chat", *args]
    main = importlib.import_module("api.cli").main
    try:
        main()
    finally:
        atexit._run_exitfuncs()


def _stream(descriptor: int, mode: str) -> IO[str]:
    return open(descriptor, mode, closefd=False)

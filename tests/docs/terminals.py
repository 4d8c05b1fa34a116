"""Terminals as a reader of the README has them: a shell that keeps its variables, and a program on a screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

_ESCAPES: Final = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[78])")
_COLUMNS: Final = 4000  # no line is wrapped


def plain(text: str) -> str:
    """Give what a terminal shows: no colours, of a line that was written over what it became."""
    lines = _ESCAPES.sub(lambda match: "\r" if match[0] == "\x1b[K" else "", text.replace("\r\n", "\n")).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


class Screen:
    """A program on a pseudo-terminal of its own."""

    def __init__(self, command: str, folder: Path, env: Mapping[str, str]) -> None:
        """Start `command` in a shell; the terminal is its controlling one, so that passwords can be asked for."""
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)  # until the program opens its side, reading may be announced in vain
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _COLUMNS, 0, 0))
        name = os.ttyname(slave)
        # A session leader without a terminal gets the first one that it opens.
        self._process = subprocess.Popen(
            ["sh", "-c", f"exec <{name} >{name} 2>&1; exec {command}"],  # noqa: S607 - every system's shell
            cwd=folder,
            env=dict(env),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(slave)
        self._written = b""

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, text.encode() + b"\n")

    @property
    def text(self) -> str:
        """What is on the screen, all that has scrolled away included."""
        self._read(0)
        return plain(self._written.decode(errors="replace"))

    def wait_for(self, pattern: str, timeout_s: float = 30, view: Callable[[str], str] = str) -> str:
        """Wait until the screen (as `view` gives it) has a match; gives what is on it."""
        self.wait_until(lambda: re.search(pattern, view(self.text), re.MULTILINE) is not None, pattern, timeout_s)
        return self.text

    def wait_until(self, is_so: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
        """Look at the screen until something is so."""
        deadline = time.monotonic() + timeout_s
        while not is_so():
            has_ended = self._process.poll() is not None
            self._read(0.1)
            if (has_ended and not is_so()) or time.monotonic() > deadline:
                state = f"ended with {self._process.returncode}" if has_ended else f"still runs after {timeout_s} s"
                raise AssertionError(f"no {what!r}; the program {state}; on the screen:\n{self.text}")

    def close(self) -> None:
        """Kill what still runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._master)

    def _read(self, wait_s: float) -> None:
        """Take what there is, and wait for it up to `wait_s`."""
        deadline = time.monotonic() + wait_s
        while select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                self._written += os.read(self._master, 65_536)
            except OSError:  # nobody is at the other side, yet or any more
                time.sleep(max(0.0, deadline - time.monotonic()))
                return


class Shell:
    """One shell for all the commands of a reader: what one sets, the next one uses."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            ["sh"],  # noqa: S607 - every system's shell
            cwd=folder,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, commands: str) -> str:
        """Run commands as they stand there, which must succeed; gives what they wrote."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{commands}\nprintf '\\nDONE %s\\n' $?\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            lines.append(line)
            if line.startswith("DONE "):
                break
        output = plain("".join(lines[:-1])).removesuffix("\n")
        assert lines[-1:] == ["DONE 0\n"], f"{commands}\ngave\n{output}"
        return output.removesuffix("\n")

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)

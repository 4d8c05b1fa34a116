"""People at `chat talk`: over pipes, and on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
from pathlib import Path

from tests.support.people import Person, fresh_password, fresh_username
from tests.support.server import ServerProcess, chat_environment


class Talker:
    """A person at `chat talk` with pipes for hands and eyes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.errors = ""

    def type(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())

    async def sees(self, pattern: str, timeout_s: float = 20) -> str:
        """Read on until a line matches, and return it."""
        assert self.process.stdout is not None
        begin = len(self.lines)
        try:
            async with asyncio.timeout(timeout_s):
                while line := (await self.process.stdout.readline()).decode():
                    self.lines.append(line.rstrip("\n"))
                    if re.search(pattern, self.lines[-1]):
                        return self.lines[-1]
        except TimeoutError:
            pass
        raise AssertionError(f"no {pattern!r} within {timeout_s} s in {self.lines[begin:]}, {await self._stderr()}")

    async def ends(self, timeout_s: float = 20) -> int:
        """Close standard input and wait for the end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(timeout_s):
            out, err = await self.process.communicate()
        self.lines += out.decode().splitlines()
        self.errors = err.decode()
        return self.process.returncode if self.process.returncode is not None else -1

    async def _stderr(self) -> str:
        if self.process.returncode is None:
            self.process.kill()
        _, err = await self.process.communicate()
        return err.decode()


class Talk:
    """Starts `chat talk`; what still runs at the end of the test is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Talker] = []

    async def __call__(self, server: ServerProcess, *args: str, typed: tuple[str, ...] = ()) -> Talker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "api", "talk", "--server", server.url, *args),
            cwd=self._folder,
            env=chat_environment(self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        talker = Talker(process)
        self._started.append(talker)
        talker.type(*typed)
        return talker

    async def new(self, server: ServerProcess, *args: str) -> Talker:
        """Sign up and wait until the room is on the screen."""
        password = fresh_password()
        server.keep_secret(password)
        talker = await self(server, "--username", fresh_username(), "--sign-up", *args, typed=(password,))
        await talker.sees("^--- .* ---$")
        return talker

    async def person(self, person: Person, *args: str) -> Talker:
        """Log in as `person` and wait until the room is on the screen."""
        talker = await self(person.server, "--username", person.username, *args, typed=(person.password,))
        await talker.sees("^--- .* ---$")
        return talker

    async def close(self) -> None:
        for talker in self._started:
            if talker.process.returncode is None:
                talker.process.kill()
                await talker.process.communicate()


class Screen:
    """`chat talk` on a pseudo-terminal."""

    def __init__(self, server: ServerProcess, folder: Path, *args: str) -> None:
        self.text = ""
        self.pid, self._master = pty.fork()
        if self.pid == 0:  # the child: from here on it is `chat talk`
            os.chdir(folder)
            environment = chat_environment(folder) | {"TERM": "xterm", "COLUMNS": "60", "LINES": "20"}
            command = [sys.executable, "-m", "api", "talk", "--server", server.url, *args]
            os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is what is wanted
        os.set_blocking(self._master, False)
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side has ended
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self.text += data.decode(errors="replace")
        self._changed.set()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    async def sees(self, text: str, timeout_s: float = 20) -> None:
        """Wait for text behind what was seen before, and forget what came up to it."""
        try:
            async with asyncio.timeout(timeout_s):
                while text not in self.text:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {text!r} within {timeout_s} s in {self.text!r}") from None
        self.text = self.text.partition(text)[2]

    async def ends(self) -> int:
        _, status = await asyncio.wait_for(asyncio.to_thread(os.waitpid, self.pid, 0), 20)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

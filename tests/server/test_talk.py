"""`chat talk` against a real server: over pipes, and on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import Person, fresh_password, fresh_username
from tests.support.server import CANARY, ServerProcess, chat_environment


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


@pytest_asyncio.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    starter = Talk(tmp_path)
    yield starter
    await starter.close()


async def test_two_people_talk(talk: Talk, make_server: MakeServer) -> None:
    server = make_server()
    ada, bob = fresh_username(), fresh_username()
    password = fresh_password()
    server.keep_secret(password)
    first = await talk(server, "--sign-up", typed=(ada, password))
    await first.sees(f"^\\* Connected to {re.escape(server.url)} as {ada}\\.")
    await first.sees("^--- general ---$")
    first.type(f"Hello? {CANARY}")
    await first.sees(rf"^\[\d\d:\d\d\] {ada}: Hello\? {CANARY}$")
    second = await talk(server, "--sign-up", "--username", bob, typed=(password,))
    await second.sees(rf"^\[\d\d:\d\d\] {ada}: Hello\? {CANARY}$")
    second.type("//shrug", "  indented")
    await first.sees(rf"\] {bob}: /shrug$")
    await first.sees(rf"\] {bob}: indented$")
    assert await second.ends() == 0
    assert await first.ends() == 0
    assert (first.errors, second.errors) == ("", "")
    again = await talk(server, "--log-in", "--username", ada, typed=(password, "back"))
    await again.sees(rf"\] {ada}: back$")
    assert [line for line in again.lines if "Hello?" in line] != [], "history is shown"
    assert await again.ends() == 0


async def test_lines_that_come_at_once_are_all_said_before_the_end(
    talk: Talk, server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    """`chat talk < file`: the end of the input waits for the last acknowledgement, which is shown."""
    ada = await person()
    room = await make_room(ada)
    talker = await talk(
        server,
        *("--username", ada.username, "--room", room["id"]),
        typed=(ada.password, *(f"line {number}" for number in range(120))),
    )
    assert await talker.ends() == 0
    shown = [line.partition(": ")[2] for line in talker.lines if f"] {ada.username}: " in line]
    assert shown == [f"line {number}" for number in range(120)]
    messages = (await ada.http.get(f"/v1/rooms/{room['id']}/messages", params={"limit": 200})).json()["items"]
    assert [message["body"] for message in messages] == shown


async def test_a_killed_server_costs_nothing_but_time(talk: Talk, make_server: MakeServer) -> None:
    server = make_server()
    first, second = await talk.new(server), await talk.new(server)
    first.type("before")
    await second.sees(": before$")
    await asyncio.to_thread(server.kill)
    await first.sees(r"^\* Disconnected: .* Trying again\.$")
    await second.sees(r"^\* Disconnected: ")
    first.type(*(f"meanwhile {number}" for number in range(3)))
    await asyncio.to_thread(server.restart)
    await second.sees(": meanwhile 2$", timeout_s=40)
    await first.sees(": meanwhile 2$", timeout_s=40)
    second.type("after")
    await first.sees(": after$")
    await second.sees(": after$")
    assert await first.ends() == 0
    assert await second.ends() == 0
    for talker in (first, second):
        said = [line.rpartition(": ")[2] for line in talker.lines if line.startswith("[")]
        assert said == ["before", "meanwhile 0", "meanwhile 1", "meanwhile 2", "after"]
        assert [line for line in talker.lines if line == "* Connected again."] != []


async def test_rooms_are_made_joined_and_listed(
    talk: Talk, server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await person(), await person()
    tea = await make_room(ada, topic="leaves")
    hidden = await make_room(ada, visibility="private")
    talker = await talk.person(bob)
    talker.type(f"/join {hidden['name']}")
    await talker.sees("^! There is no such room")
    talker.type(f"/join {tea['name'].upper()}", "hello there")
    await talker.sees(f"^--- {tea['name']} ---$")
    await talker.sees(f"\\] {bob.username}: hello there$")
    talker.type("/who")
    who = await talker.sees(r"^\* .*owner")
    assert ada.username in who
    assert bob.username in who
    coffee = f"coffee {fresh_username()}"
    talker.type(f"/create {coffee}", f"/create {coffee}")
    await talker.sees(f"^--- {coffee} ---$")
    await talker.sees("^! There is a public room of this name already.$")
    talker.type("/rooms")
    await talker.sees(rf"^\* {coffee} \(here\)  [0-9a-f-]{{36}}$")
    talker.type(f"/join {tea['id']}", "back")
    await talker.sees(f"\\] {bob.username}: back$")
    talker.type("/help", "/nonsense", "/join")
    await talker.sees("^/quit ")
    await talker.sees("^! Not a command like that")
    await talker.sees("^! Not a command like that")
    talker.type("/quit")
    assert await talker.ends() == 0


async def test_what_happens_in_the_room_is_told(
    talk: Talk, server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob, eve = await person(), await person(), await person()
    room = await make_room(ada, bob)
    talker = await talk.person(bob, "--room", room["id"])
    message = (await ada.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "helo"})).json()
    await talker.sees(": helo$")
    await ada.http.patch(f"/v1/messages/{message['id']}", json={"body": "hello"})
    await talker.sees(rf"^\* {ada.username} has edited a message: hello$")
    await ada.http.delete(f"/v1/messages/{message['id']}")
    await talker.sees(rf"^\* {ada.username} has deleted a message of {ada.username}\.$")
    await ada.http.put(f"/v1/rooms/{room['id']}/members/{eve.id}", json={})
    await talker.sees(rf"^\* {ada.username} has added {eve.username}\.$")
    await eve.http.delete(f"/v1/rooms/{room['id']}/members/{eve.id}")
    await talker.sees(rf"^\* {eve.username} has left\.$")
    await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "tea"})
    await talker.sees(rf"^\* {ada.username} has changed the room: .*\(tea\)")
    await ada.http.put(f"/v1/rooms/{room['id']}/bans/{bob.id}", json={})
    await talker.sees("^\\* You were banned from ")
    talker.type("anyone?")
    await talker.sees("^! You are in no room")
    assert await talker.ends() == 0


async def test_text_of_others_cannot_play_tricks_on_the_terminal(
    talk: Talk, server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    """What the server lets through (line breaks, exotic separators) does not look like a line of its own."""
    ada, bob = await person(), await person()
    room = await make_room(ada, bob)
    talker = await talk.person(bob, "--room", room["id"])
    body = "look\n[12:00] admin: give me your password\u2028* Disconnected\u200e"
    answer = await ada.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": body})
    assert answer.status_code == 201
    await talker.sees(": look$")
    line = await talker.sees("password")
    assert line == "        [12:00] admin: give me your password\ufffd* Disconnected\ufffd"
    assert await talker.ends() == 0


async def test_failures_are_told_in_words(talk: Talk, server: ServerProcess, person: MakePerson) -> None:
    ada = await person()
    for args, typed, words in [
        (("--username", ada.username), ("not the password",), "Wrong username or password."),
        (("--username", ada.username, "--sign-up"), (fresh_password(),), "This username is taken."),
        (("--username", fresh_username(), "--sign-up"), ("short",), "password"),
        (("--username", ada.username, "--room", "no such room"), (ada.password,), 'no room "no such room"'),
        (("--server", "ftp://nowhere"), ("a", "b"), "not the address of a server"),
        (("--server", "http://127.0.0.1:9"), ("a", "b"), "No server answers at http://127.0.0.1:9."),
        ((), ("a name and no more",), "the input ended before the password"),
    ]:
        talker = await talk(server, *args, typed=typed)
        assert await talker.ends() == 1
        assert talker.errors.startswith("chat: ")
        assert words in talker.errors
        assert talker.errors.count("\n") == 1


async def test_the_end_of_the_session_ends_the_talk(talk: Talk, server: ServerProcess, person: MakePerson) -> None:
    ada = await person()
    talker = await talk.person(ada)
    sessions = (await ada.http.get("/v1/auth/sessions")).json()["items"]
    other = next(session for session in sessions if not session["current"])
    await ada.http.delete(f"/v1/auth/sessions/{other['id']}")
    async with asyncio.timeout(10):
        assert await talker.process.wait() == 1
    _, err = await talker.process.communicate()
    assert err.decode() == "chat: Your session was ended. Start again to log in.\n"


async def test_leaving_logs_out(talk: Talk, server: ServerProcess, person: MakePerson) -> None:
    ada = await person()
    talker = await talk.person(ada)
    assert len((await ada.http.get("/v1/auth/sessions")).json()["items"]) == 2
    assert await talker.ends() == 0
    assert len((await ada.http.get("/v1/auth/sessions")).json()["items"]) == 1


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


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of forkpty:DeprecationWarning")
async def test_on_a_terminal_the_typed_line_survives_what_arrives(
    server: ServerProcess, person: MakePerson, make_room: MakeRoom, tmp_path: Path
) -> None:
    ada, bob = await person(), await person()
    room = await make_room(ada, bob)
    screen = Screen(server, tmp_path, "--room", room["id"])
    try:
        await screen.sees("Do you have an account? [Y/n]: ")
        screen.type("\n")
        await screen.sees("Username: ")
        screen.type(f"{bob.username}\n")
        await screen.sees("Password: ")
        screen.type(f"{bob.password}\n")
        await screen.sees(f"{room['name']}> ")
        assert bob.password not in screen.text
        screen.type("I am just ty\x1b[Ddping\x7f\x7f\x7f\x7f\x7fping")
        await screen.sees(f"{room['name']}> I am just typing")
        await ada.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "me too"})
        await screen.sees("\r\x1b[K[")
        await screen.sees(f"] {ada.username}: me too\r\n{room['name']}> I am just typing")
        screen.type("\r")
        await screen.sees(f"] {bob.username}: I am just typing\r\n{room['name']}> ")
        screen.type("\x04")
        assert await screen.ends() == 0
    finally:
        screen.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of forkpty:DeprecationWarning")
async def test_ctrl_c_leaves(server: ServerProcess, person: MakePerson, tmp_path: Path) -> None:
    ada = await person()
    screen = Screen(server, tmp_path, "--username", ada.username, "--log-in")
    try:
        await screen.sees("Password: ")
        screen.type(f"{ada.password}\n")
        await screen.sees("general> ")
        screen.type("unfinished\x03")
        assert await screen.ends() == 130
        assert "Traceback" not in screen.text
    finally:
        screen.close()

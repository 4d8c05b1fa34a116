"""The README is run word by word: its commands in real terminals, against the server that it starts.

Every block that names a language is run or compared; those without are pictures. The one word that is changed is the
port, which has to be free.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Final

import pytest

from tests.docs.pages import REPOSITORY, Block, blocks, page, sections
from tests.docs.terminals import Screen, Shell, plain

PORT: Final = 8000
PASSWORD: Final = "correct horse battery"
# Told of every request and every ten seconds; the README says that it leaves them out.
LEFT_OUT: Final = {"http.request", "node.stats"}
# What is another one each time: ids, times, nodes, sizes, versions of the programs that ask.
_VARYING: Final = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time>"),
    (re.compile(r"""(node_id"?[=:]"?)[0-9a-f]{8}"""), r"\1<node>"),
    (re.compile(r"\b(seconds|bytes_in|bytes_out)=[0-9.]+"), r"\1=<number>"),
    (re.compile(r"(curl|Python|websockets|chat-client)/[0-9.]+\w*"), r"\1/<version>"),
    (re.compile(r"^\[\d\d:\d\d\]", re.MULTILINE), "[<time>]"),
)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the tour is told with curl, which is not here")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="the README starts the server with make")


def masked(text: str) -> str:
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def seen(text: str) -> str:
    """Give what the eye sees: no blanks at the end of a line."""
    return masked("\n".join(line.rstrip() for line in text.splitlines()))


@dataclass(frozen=True)
class LogLine:
    """A line of the log in a terminal: what it is of, and its fields in whatever order, without what varies."""

    level: str
    event: str
    fields: Mapping[str, str]

    @staticmethod
    def is_one(line: str) -> bool:
        return re.match(r"\d{4}-\d\d-\d\dT\S+ \[", line) is not None

    @classmethod
    def parse(cls, line: str) -> LogLine:
        found = re.fullmatch(r"<time> \[(\w+) *\] (\S+) *(.*)", masked(line))
        assert found is not None, line
        return cls(found[1], found[2], dict(re.findall(r"(\w+)=('[^']*'|\S*)", found[3])))


class Reader:
    """Somebody who does what the README says, in a checkout whose `.venv` is there already."""

    def __init__(self, folder: Path) -> None:
        """Sit down in front of it."""
        self._folder = folder
        with closing(socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self._env = {
            name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "MAKE", "MFLAGS"))
        }
        self._env |= {"CHAT_PORT": str(self._port), "LC_ALL": "C.UTF-8"}
        self._open = ExitStack()
        self._shell = Shell(folder, self._env)
        self._open.callback(self._shell.close)
        self._server: Screen | None = None
        self._talk: Screen | None = None
        self._output = ""

    def close(self) -> None:
        """Get up."""
        self._open.close()

    def read(self, section: list[Block]) -> None:
        """Do what the blocks say, one after the other."""
        for block in section:
            # pytest's own process writes this where a test fails: which block it was
            print(f"--- {block.language}\n{block.text}")  # noqa: T201
            match block.language:
                case "sh":
                    self._run(self._here(block.text).strip())
                case "console":
                    self._talk_as(self._here(block.text))
                case "text":
                    self._compare(self._here(block.text))
                case "json":
                    self._compare_json(block.text)
                case "log":
                    self._compare_log(self._here(block.text))
                case "python":
                    (self._folder / "snippet.py").write_text(self._here(block.text), encoding="utf-8")
                    self._output = self._shell.run(".venv/bin/python snippet.py")
                case "":
                    pass
                case other:
                    pytest.fail(f"nobody knows how to run {other!r}")

    def stop_the_server(self) -> None:
        """Press Ctrl-C in the server's terminal; it says goodbye to all and ends."""
        assert self._server is not None
        self._server.type("\x03")
        log = self._server.wait_for("node.stopped") if not self._log_file.exists() else self._logged("node.stopped")
        assert "node.draining" in log
        if self._talk is not None:
            self._talk.wait_for("The server is about to restart")
            self._talk.type("/quit")

    def _here(self, text: str) -> str:
        """Put the port of this test in the place of the README's; nothing else is changed."""
        return re.sub(rf"\b{PORT}\b", str(self._port), text)

    def _run(self, commands: str) -> None:
        if commands == "make test":
            # Running the tests in the tests has no end; that this starts them is enough.
            assert re.search(
                r"pytest .*-m 'not long'|pytest .*-m \"not long\"", self._shell.run(f"{commands} --dry-run")
            )
        elif commands.startswith("make run"):
            self._server = self._show(commands)
            if ">" in commands:
                self._logged("node.started")
            else:
                self._server.wait_for("node.started")
        else:
            self._output = self._shell.run(commands)

    def _show(self, command: str) -> Screen:
        screen = Screen(command, self._folder, self._env)
        self._open.callback(screen.close)
        return screen

    @property
    def _log_file(self) -> Path:
        return self._folder / "chat.log"

    def _logged(self, event: str) -> str:
        assert self._server is not None
        log = ""

        def is_there() -> bool:
            nonlocal log
            log = self._log_file.read_text(encoding="utf-8") if self._log_file.exists() else ""
            return f'"{event}"' in log

        self._server.wait_until(is_there, f"{event} in {self._log_file}")
        return log

    def _talk_as(self, transcript: str) -> None:
        """Type what the transcript shows as typed, and wait for all that it shows."""
        command, *lines = transcript.splitlines()
        self._talk = talk = self._show(command.removeprefix("$ "))
        shown: list[str] = []

        def wait_for(last: str) -> None:
            wanted = seen("\n".join([*shown, last]))
            talk.wait_until(lambda: seen(talk.text).startswith(wanted), wanted)

        for line in lines:
            prompt, colon, answer = line.partition(": ")
            said = re.fullmatch(r"\[\d\d:\d\d\] grace: (.*)", line)
            if said is not None:
                talk.type(said[1])
            elif colon and prompt in {"Do you have an account? [Y/n]", "Username", "Password", "The same again"}:
                wait_for(f"{prompt}:")
                talk.type(answer or PASSWORD)
            wait_for(line)
            shown.append(line)

    def _compare(self, expected: str) -> None:
        """Find the lines in what was written last, in their order; `…` stands for whatever is left out."""
        written = iter(masked(self._output).splitlines())
        for line in masked(expected).splitlines():
            pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
            assert any(pattern.search(one) for one in written), f"no line {line!r} (in this order) in\n{self._output}"

    def _compare_log(self, expected: str) -> None:
        assert self._server is not None
        self._server.wait_for(rf" {expected.splitlines()[-1].split()[3]} ")
        lines = [LogLine.parse(line) for line in self._server.text.splitlines() if LogLine.is_one(line)]
        assert [line for line in lines if line.event not in LEFT_OUT] == [*map(LogLine.parse, expected.splitlines())]

    def _compare_json(self, expected: str) -> None:
        """Find an object like the one shown among those that were written last, whatever the order of its fields."""
        written = [json.loads(line) for line in masked(self._output).splitlines() if line.startswith("{")]
        assert json.loads(masked(expected)) in written


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy2(REPOSITORY / name, tmp_path)
    venv = tmp_path / ".venv"
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    for stamp in (".runtime", ".dev"):
        (venv / stamp).touch()
    somebody = Reader(tmp_path)
    yield somebody
    somebody.close()


@needs_curl
@needs_make
@pytest.mark.timeout(180)
def test_the_tour_works_as_written_and_the_server_says_what_is_shown(reader: Reader) -> None:
    parts = sections(page("README.md"))
    reader.read(blocks(parts["Quick start"]) + blocks(parts["The tour"]))
    reader.stop_the_server()


@needs_make
@pytest.mark.timeout(180)
def test_the_part_about_the_own_product_works_as_written(reader: Reader) -> None:
    reader.read(blocks(sections(page("README.md"))["In your product"]))
    reader.stop_the_server()


def test_no_other_part_has_anything_to_run() -> None:
    run = {"Quick start", "The tour", "In your product"}
    others = [text for title, text in sections(page("README.md")).items() if title not in run]
    assert [block.language for text in others for block in blocks(text) if block.language] == []
    assert [block for block in blocks(page("README.md").partition("\n## ")[0]) if block.language] == []


def test_the_page_is_a_few_screens_long() -> None:
    assert len(page("README.md").splitlines()) <= 250


def test_what_a_terminal_shows_is_read_as_it_is_seen() -> None:
    assert (
        plain("\x1b[2mday\x1b[0m\r\n\r\x1b[Kroom> \r\x1b[K[12:00] ada: hi\r\nroom> ") == "day\n[12:00] ada: hi\nroom> "
    )

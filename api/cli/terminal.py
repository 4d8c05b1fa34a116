"""Lines in and lines out for `chat talk`: on a terminal, where both share the last line, or on pipes."""

import asyncio
import codecs
import concurrent.futures
import contextlib
import os
import shutil
import signal
import sys
import threading
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, Self

try:
    import termios
    import tty
except ImportError:  # no POSIX terminals here: the line that is being typed is then left to the system
    _HAS_TERMIOS = False
else:
    _HAS_TERMIOS = True

_CHUNK: Final = 4096
_ESCAPE: Final = "\x1b"
_CLEAR_LINE: Final = "\r\x1b[K"

# Not of category "control", and yet they change how what stands around them is shown.
_DIRECTIONS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Make text of others harmless: nothing in it can move the cursor, colour, turn or imitate the lines around it."""
    return "".join(_plain_character(character) for character in text.replace("\t", "    "))


def _plain_character(character: str) -> str:
    if character == "\n":
        return "\n        "  # further lines of one text stand in, so that none looks like a line of its own
    if character in _DIRECTIONS or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
        return "\N{REPLACEMENT CHARACTER}"
    return character


class LineEditor:
    """The line that is being typed: characters go in, finished lines come out."""

    def __init__(self) -> None:
        self.text = ""
        self.has_ended = False
        self._in_escape = ""

    def feed(self, text: str) -> Iterator[str]:
        """Take what was typed and yield each line that it finishes."""
        for character in text:
            if self.has_ended:
                return
            if self._in_escape:
                self._escape(character)
            elif character in "\r\n":
                line, self.text = self.text, ""
                yield line
            else:
                self._edit(character)

    def _edit(self, character: str) -> None:
        match character:
            case "\x7f" | "\x08":  # backspace
                self.text = self.text[:-1]
            case "\x15":  # Ctrl-U
                self.text = ""
            case "\x17":  # Ctrl-W
                self.text = self.text.rstrip().rpartition(" ")[0] + " " if " " in self.text.rstrip() else ""
            case "\x04":  # Ctrl-D
                self.has_ended = not self.text
            case "\t":
                self.text += " "
            case "\x1b":
                self._in_escape = character
            case _ if unicodedata.category(character) != "Cc":
                self.text += character
            case _:
                pass

    def _escape(self, character: str) -> None:
        """Swallow an arrow key or its like: ESC, `[` or `O`, parameters, a final character."""
        opens = self._in_escape == _ESCAPE and character in "[O"
        inside = len(self._in_escape) > 1 and not "@" <= character <= "~"
        self._in_escape = self._in_escape + character if opens or inside else ""


class Terminal:
    """Standard input and output of this process, for the time of a `with` block.

    On a terminal the line that is being typed stays whole: what arrives is written above it.
    """

    def __init__(self) -> None:
        self.is_interactive = _HAS_TERMIOS and sys.stdin.isatty() and sys.stdout.isatty()
        self._editor = LineEditor()
        self._prompt = ""
        self._restore: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        if self.is_interactive:
            descriptor = sys.stdin.fileno()
            mode = termios.tcgetattr(descriptor)
            self._restore = lambda: termios.tcsetattr(descriptor, termios.TCSADRAIN, mode)
            self._take_over()
        return self

    def __exit__(self, *_: object) -> None:
        if self._restore is not None:
            self._restore()
            self._write(_CLEAR_LINE)

    def show(self, text: str) -> None:
        """Write a line, or several."""
        if self.is_interactive:
            self._write(f"{_CLEAR_LINE}{text}\n{self._typed()}")
        else:
            self._write(f"{text}\n")

    def prompt(self, text: str) -> None:
        """Set what stands before the line that is being typed."""
        self._prompt = text
        if self.is_interactive:
            self._write(_CLEAR_LINE + self._typed())

    async def lines(self) -> AsyncIterator[str]:
        """Yield the lines of standard input until its end."""
        loop = asyncio.get_running_loop()
        if self.is_interactive:
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(signal.SIGCONT, self._take_over)  # the shell had the terminal meanwhile
        decode = codecs.getincrementaldecoder(sys.stdin.encoding or "utf-8")("replace").decode
        chunks = _read_standard_input(loop)
        rest = ""
        while chunk := await chunks.get():
            if self.is_interactive:
                for line in self._editor.feed(decode(chunk)):
                    self._write(_CLEAR_LINE)
                    yield line
                if self._editor.has_ended:
                    return
                self._write(_CLEAR_LINE + self._typed())
            else:
                *lines, rest = (rest + decode(chunk)).split("\n")
                for line in lines:
                    yield line
        if rest:
            yield rest  # a last line without an end

    def _take_over(self) -> None:
        # The terminal no longer edits and echoes by itself; Ctrl-C and Ctrl-Z keep their meaning.
        tty.setcbreak(sys.stdin.fileno())
        self._write(_CLEAR_LINE + self._typed())

    def _typed(self) -> str:
        """Give prompt and typed text, of a long one the end: it has to fit on one line to be taken back."""
        room = shutil.get_terminal_size().columns - 1
        line = self._prompt + self._editor.text
        width = 0
        for number, character in enumerate(reversed(line)):
            width += _width(character)
            if width > room:
                return line[len(line) - number :]
        return line

    def _write(self, text: str) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def read_line() -> str:
    """Read one line of standard input, byte by byte, so that what follows stays for `Terminal.lines`.

    Raises:
        EOFError: there is none.
    """
    data = bytearray()
    while byte := os.read(sys.stdin.fileno(), 1):
        if byte == b"\n":
            return data.decode(sys.stdin.encoding or "utf-8", "replace").removesuffix("\r")
        data += byte
    raise EOFError


def _read_standard_input(loop: asyncio.AbstractEventLoop) -> asyncio.Queue[bytes]:
    """Read in a thread of its own: a file cannot be waited for, and a thread at the keyboard cannot be ended.

    The queue takes one chunk at a time, so a large file is read as fast as it is used.
    """
    chunks: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
    descriptor = sys.stdin.fileno()

    def read() -> None:
        while True:
            chunk = b""
            with contextlib.suppress(OSError):
                chunk = os.read(descriptor, _CHUNK)
            taken = chunks.put(chunk)
            try:
                asyncio.run_coroutine_threadsafe(taken, loop).result()
            except (RuntimeError, concurrent.futures.CancelledError):  # the loop has ended before the input
                taken.close()
                return
            if not chunk:
                return

    start: Callable[[], None] = threading.Thread(target=read, name="chat.stdin", daemon=True).start
    start()
    return chunks

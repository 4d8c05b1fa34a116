"""The way of log lines out of the process. A reader that stalls or goes away is nobody's error.

A command writes its few lines at once, in order with what else it prints. The server must not wait for whoever reads
its output: it has a bounded queue, and a thread that does the waiting.
"""

import contextlib
import errno
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Final, TextIO

QUEUE_BYTES: Final = 1024 * 1024
"""What may wait for the reader: some 2,500 lines, about a second of a node at its limit."""

CLOSE_S: Final = 2.0
"""How long the end of the process waits for a reader that stands still."""

RETRY_S: Final = 1.0
"""How long to wait for a disk that is full, or for whatever else refuses a write."""

_GONE: Final = frozenset({errno.EPIPE, errno.EBADF})
_GONE_TERMINAL: Final = _GONE | {errno.EIO}


class LineWriter:
    """Write whole lines at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except BrokenPipeError:
                self._discard_rest()
            except (OSError, ValueError):  # ValueError: the stream is closed
                pass

    debug = info = warning = error = critical = exception = log = msg

    def _discard_rest(self) -> None:
        """Point the stream at nothing, or the flush at the interpreter's exit turns the exit code into 120."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class LineQueue:
    """Take lines without waiting for anybody, and write them whole and in order.

    What the reader has room for is written at once, so that even a process that is killed has told what it did; all
    else waits for the thread. Beyond the bound lines are dropped, all of them until the thread comes for what waits; in
    their place stands one line that says how many. On a full disk lines wait like those for a reader that stalls.

    Args:
        descriptor: of an open file.
        tell_dropped: renders the line that stands for so many dropped ones; called in the thread.
        bytes_max: of the lines that wait or are being written.
    """

    def __init__(self, descriptor: int, *, tell_dropped: Callable[[int], str], bytes_max: int = QUEUE_BYTES) -> None:
        self._descriptor = descriptor
        self._tell_dropped = tell_dropped
        self._bytes_max = bytes_max
        self._changed = threading.Condition()
        self._lines: list[bytes] = []
        self._bytes = 0
        self._dropped = 0
        self._untold = 0
        self._is_closing = False
        self._is_gone = False
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._is_terminal = os.isatty(descriptor)
        # A daemon, or the interpreter would wait for it without end.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Count the lines dropped since the start."""
        return self._dropped

    def msg(self, line: str) -> None:
        data = _encoded(line)
        with self._changed:
            # While dropped lines are untold, a shorter one that would fit must not come before the line that tells.
            if self._untold or self._bytes + len(data) > self._bytes_max:
                self._untold += 1
                self._dropped += 1
                return
            rest = data if self._bytes else self._write_now(data)
            if rest:
                self._lines.append(rest)
                self._bytes += len(rest)
                self._changed.notify()

    debug = info = warning = error = critical = exception = log = msg

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Write what waits, as far as it is taken within this time; what comes later is not written."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _write_now(self, data: bytes) -> bytes:
        """Write as much as can be written without waiting; return the rest."""
        # A terminal that has room may have it for a part of the line only.
        if self._is_gone or self._is_terminal or len(data) > select.PIPE_BUF or not self._room.poll(0):
            return data
        try:
            return data[os.write(self._descriptor, data) :]
        except OSError:
            return data  # the thread will find out more

    def _run(self) -> None:
        while chunk := self._take():
            self._write(chunk)
            with self._changed:
                self._bytes -= len(chunk)

    def _take(self) -> bytes:
        """Wait for lines, and take all that there are; nothing means the end."""
        with self._changed:
            while not (self._lines or self._untold or self._is_closing):
                self._changed.wait()
            lines, self._lines = self._lines, []
            untold, self._untold = self._untold, 0
            if untold:
                lines.append(_encoded(self._tell_dropped(untold)))
                self._bytes += len(lines[-1])
        return b"".join(lines)

    def _write(self, data: bytes) -> None:
        # Not through a stream: its lock, held by a thread that waits, would abort the interpreter at its end.
        rest = memoryview(data)
        while rest and not self._is_gone:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # made so by somebody else who has the same file open
                select.select([], [self._descriptor], [], RETRY_S)
            except OSError as error:
                self._is_gone = error.errno in (_GONE_TERMINAL if self._is_terminal else _GONE)
                if not self._is_gone:
                    time.sleep(RETRY_S)


def _encoded(line: str) -> bytes:
    return (line + "\n").encode(errors="backslashreplace")

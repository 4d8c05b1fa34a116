"""Lines go out whole and in order; whoever reads them, or does not, stops nobody who writes them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import log_output
from config.log_output import LineQueue

REPOSITORY = Path(__file__).parents[3]
PIPE_BYTES = 65_536
WAIT_S = 10.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        with contextlib.suppress(OSError):  # the test has closed it
            os.close(descriptor)


def told(lines: int) -> str:
    return f"dropped {lines}"


def read_all(reading: int, writing: int) -> list[str]:
    """Read to the end, which comes when the queue is closed and this side's copy is."""
    os.close(writing)
    with os.fdopen(os.dup(reading)) as stream:
        return stream.read().splitlines()


def test_lines_come_out_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    queue = LineQueue(writing, tell_dropped=told)
    for number in range(1000):
        queue.msg(f"line {number}")
    queue.close()
    assert read_all(reading, writing) == [f"line {number}" for number in range(1000)]
    assert queue.dropped == 0


def test_a_reader_that_stalls_costs_lines_and_is_told_how_many_in_their_place(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    queue = LineQueue(writing, tell_dropped=told, bytes_max=10_000)
    block = "x" * 99
    for _ in range(PIPE_BYTES // 100 + 200):
        queue.msg(block)
    # The pipe is full, and the queue is: from here on nothing fits, not even something short.
    assert queue.dropped > 0
    before = queue.dropped
    queue.msg("short")
    assert queue.dropped == before + 1
    drained: list[bytes] = []
    reader = threading.Thread(target=lambda: drained.extend(iter(lambda: os.read(reading, 65_536), b"")))
    reader.start()
    deadline = time.monotonic() + WAIT_S
    while not any(b"dropped" in piece for piece in drained):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    queue.msg("after")
    queue.close()
    os.close(writing)
    reader.join(WAIT_S)
    *kept, told_line, last = b"".join(drained).decode().splitlines()
    assert set(kept) == {block}
    assert (told_line, last) == (f"dropped {queue.dropped}", "after")
    assert len(kept) + queue.dropped == PIPE_BYTES // 100 + 200 + 1


def test_whoever_logs_never_waits_for_the_reader(pipe: tuple[int, int]) -> None:
    queue = LineQueue(pipe[1], tell_dropped=told, bytes_max=10_000)
    started_s = time.monotonic()
    for _ in range(10_000):
        queue.msg("x" * 99)
    assert time.monotonic() - started_s < 2
    started_s = time.monotonic()
    queue.close(timeout_s=0.1)
    assert time.monotonic() - started_s < 2
    os.close(pipe[0])  # which lets the thread go
    queue.close(WAIT_S)
    assert not queue._thread.is_alive()


def test_a_pipe_that_somebody_made_non_blocking_loses_nothing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    queue = LineQueue(writing, tell_dropped=told)
    for number in range(2 * PIPE_BYTES // 100):
        queue.msg(f"{number:099}")
    drained: list[bytes] = []
    reader = threading.Thread(target=lambda: drained.extend(iter(lambda: os.read(reading, 1000), b"")))
    reader.start()
    queue.close()
    os.close(writing)
    reader.join(WAIT_S)
    assert [int(line) for line in b"".join(drained).splitlines()] == list(range(2 * PIPE_BYTES // 100))


def test_lines_wait_for_a_full_disk_and_stay_whole(monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    write = os.write
    fails = iter([True, False, True, True])

    def full_now_and_then(descriptor: int, data: bytes) -> int:
        if descriptor == writing and next(fails, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:7])

    monkeypatch.setattr(log_output, "RETRY_S", 0)
    monkeypatch.setattr(os, "write", full_now_and_then)
    queue = LineQueue(writing, tell_dropped=told)
    queue.msg("first line")
    queue.msg("second line")
    queue.close()
    assert read_all(reading, writing) == ["first line", "second line"]


@pytest.mark.parametrize("end", ["reader", "file"])
def test_a_reader_or_file_that_is_gone_is_nobodys_error(end: str, pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    queue = LineQueue(writing, tell_dropped=told)
    os.close(reading if end == "reader" else writing)
    for _ in range(3):
        queue.msg("anybody there?")
    queue.close()
    assert not queue._thread.is_alive()


def test_text_that_is_no_unicode_is_escaped(pipe: tuple[int, int]) -> None:
    queue = LineQueue(pipe[1], tell_dropped=told)
    queue.msg("lone \ud800")
    queue.close()
    assert read_all(*pipe) == ["lone \\ud800"]


def test_a_line_is_out_before_the_call_returns_while_there_is_room(pipe: tuple[int, int]) -> None:
    """Whatever kills the process then, the line is there."""
    reading, writing = pipe
    queue = LineQueue(writing, tell_dropped=told)
    for number in range(100):
        queue.msg(f"line {number}")
        assert os.read(reading, 65_536) == f"line {number}\n".encode()
    queue.close()


def test_a_line_that_a_pipe_could_take_in_part_is_left_to_the_thread(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    queue = LineQueue(writing, tell_dropped=told)
    os.write(writing, b"x" * (PIPE_BYTES - 4096))  # one page is free, which poll calls room
    started_s = time.monotonic()
    queue.msg("y" * 5000)
    queue.msg("short")
    assert time.monotonic() - started_s < 1
    assert os.read(reading, PIPE_BYTES)
    queue.close()
    os.close(writing)
    rest = b"".join(iter(lambda: os.read(reading, PIPE_BYTES), b""))
    assert rest.splitlines()[-1] == b"short"


def test_a_terminal_that_is_stopped_stops_nobody() -> None:
    master, slave = os.openpty()
    try:
        queue = LineQueue(slave, tell_dropped=told, bytes_max=100_000)
        started_s = time.monotonic()
        for _ in range(2000):
            queue.msg("x" * 99)
        assert time.monotonic() - started_s < 2
        assert queue.dropped > 0
    finally:
        os.close(master)
        queue.close()
        assert not queue._thread.is_alive(), "the terminal is gone"
        os.close(slave)


SCRIPT = """
import sys, structlog
from config.logging import configure_logging, queue_log_lines
configure_logging('info', {log_format!r}, node_id='n1')
queue_log_lines()
for n in range({lines}): structlog.get_logger().info('node.stats', n=n, text='x' * 200)
sys.exit(2)
"""


def script(log_format: str, lines: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(log_format=log_format, lines=lines)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
    )


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_is_queued_is_written_before_the_process_ends_whatever_its_code(log_format: str) -> None:
    with script(log_format, 2000) as process:
        out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (2, b"")
    lines = out.decode().splitlines()
    assert len(lines) == 2000
    if log_format == "json":
        assert [json.loads(line)["n"] for line in lines] == list(range(2000))


def test_a_reader_that_stalls_for_ever_does_not_stop_the_exit() -> None:
    with script("json", 1000) as process:
        assert process.wait(WAIT_S) == 2
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_reader_that_went_away_changes_neither_output_nor_exit_code() -> None:
    with script("json", 100) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(WAIT_S), process.stderr.read()) == (2, b"")

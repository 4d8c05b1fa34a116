"""What holds for every test inside the process, and the command `chat` in it."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.commands import Chat


@pytest.fixture(autouse=True)
def plain_log_lines() -> None:
    """Write log lines as JSON, as a server does: structlog's default draws tracebacks, a second of work for each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=repr),
        ]
    )


@pytest.fixture
def chat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Chat:
    """Give the command, with a folder of its own that has no data folder yet."""
    return Chat(tmp_path, capsys)


@pytest.fixture(autouse=True)
def garbage_is_collected() -> Iterator[None]:
    """Undo what a command in this process does to the garbage collector for the rest of its short life."""
    yield
    gc.unfreeze()
    gc.enable()

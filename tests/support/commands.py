"""`chat` in this process: its arguments, what it answers, and its exit code."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import structlog

from api.cli import main
from config.logging import StdlibHandler

_GIVE_UP_ROOT: Final = """\
import ctypes, os, sys
libc = ctypes.CDLL(None)
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    libc.prctl(24, capability)  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""
# Takes from root the right to open what modes forbid, and runs what follows; for other users nothing changes.
ORDINARY: Final = (sys.executable, "-c", _GIVE_UP_ROOT)


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str

    def refused(self, *words: str) -> None:
        """Assert that it was refused with one line on standard error that has these words."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.startswith("chat: "), self.err
        assert self.err.count("\n") == 1, self.err
        for word in words:
            assert word in self.err


class Chat:
    """Runs `chat <args>` in a folder of its own, with no other settings than those of the call."""

    def __init__(self, folder: Path, streams: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self._streams = streams

    def __call__(self, *args: str, text: str = "", **env: str) -> Done:
        """Run a command to its end; `text` is its standard input, `env` its settings without the prefix CHAT_."""
        self._streams.readouterr()
        settings = {"DATA_DIR": str(self.data_dir), "LOG_FORMAT": "json"} | env
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            without_settings(patch)
            for name, value in settings.items():
                patch.setenv(f"CHAT_{name}", value)
            patch.setattr(sys, "argv", ["chat", *args])
            patch.setattr(sys, "stdin", io.StringIO(text))
            code = _leaving_all_as_it_was(main)
        out, err = self._streams.readouterr()
        return Done(code, out, err)


def without_settings(patch: pytest.MonkeyPatch) -> None:
    """Take every setting out of the environment."""
    for name in [name for name in os.environ if name.startswith("CHAT_")]:
        patch.delenv(name)


def _leaving_all_as_it_was(run: Callable[[], None]) -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    root = logging.getLogger()
    level = root.level
    try:
        run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        os.umask(umask)
        root.setLevel(level)
        for handler in [handler for handler in root.handlers if isinstance(handler, StdlibHandler)]:
            root.removeHandler(handler)
        structlog.reset_defaults()
    return 0

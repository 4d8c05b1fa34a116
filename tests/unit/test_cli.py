"""The command `chat` as a whole: its help, its exit codes, what it leaves readable to others."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api import __version__, cli
from tests.support.commands import Chat
from tests.support.server import chat_environment


def test_help_and_version_need_no_settings(chat: Chat) -> None:
    done = chat("--help", PORT="nonsense")
    assert done.code == 0
    assert [name for name in ("serve", "doctor", "config", "talk", "user", "backup") if name not in done.out] == []
    assert chat("--version", PORT="nonsense").out == f"{__version__}\n"


def test_without_a_command_it_tells_which_there_are(chat: Chat) -> None:
    done = chat()
    assert done.code == 2
    assert "serve" in done.out + done.err


def test_a_bad_setting_is_one_line_and_2(chat: Chat) -> None:
    chat("migrate", PORT="http").refused("CHAT_PORT", "integer")


def test_a_refusal_is_one_line_and_2(chat: Chat) -> None:
    chat("restore", "nowhere").refused("there is no file nowhere")


def test_ctrl_c_ends_a_command_as_shells_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> Any:  # noqa: ANN401 - stands for the command line
        def run() -> None:
            raise KeyboardInterrupt

        return run

    monkeypatch.setattr(cli, "build_cli", interrupted)
    monkeypatch.setattr(sys, "argv", ["chat"])
    umask = os.umask(0o077)
    try:
        with pytest.raises(SystemExit) as end:
            cli.main()
    finally:
        os.umask(umask)
    assert end.value.code == 130


def test_what_is_written_is_for_this_user_only(chat: Chat) -> None:
    chat.data_dir = chat.folder / "new" / "data"
    umask = os.umask(0o022)
    try:
        assert chat("migrate").code == 0
    finally:
        os.umask(umask)
    assert chat.data_dir.stat().st_mode & 0o777 == 0o700
    assert (chat.data_dir / "chat.db").stat().st_mode & 0o077 == 0


def test_a_command_looks_for_no_garbage_in_what_it_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a third of the time of a short one."""
    seen: list[bool] = []
    monkeypatch.setattr(cli, "build_cli", lambda: lambda: seen.append(gc.isenabled()))
    umask = os.umask(0o077)
    try:
        cli.main()
    finally:
        os.umask(umask)
    assert seen == [False]
    assert gc.get_freeze_count() > 0, "nor does the exit"


def test_what_talks_is_imported_by_those_alone_who_talk(tmp_path: Path) -> None:
    script = (
        "import sys, api.cli; print([name for name in sys.modules if name in {'chat_client', 'sqlalchemy', 'fastapi'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=chat_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")

"""What the machine gives the server."""

from __future__ import annotations

import os
import resource
import sqlite3
from importlib import metadata
from pathlib import Path

import pytest

from api.cli.checks import machine
from api.cli.checks.finding import Level
from api.cli.checks.machine import check_machine, clock, memory, memory_limit, open_files
from api.cli.data_folder import locked_data_folder
from config.settings import Settings
from tests.unit.cli.checks.findings import by_check

MIB = 1024 * 1024


def test_this_machine_is_looked_at(tmp_path: Path) -> None:
    findings = by_check(check_machine(Settings.load(None, data_dir=tmp_path, max_connections=100)))
    assert findings.keys() == {
        "clock.year",
        "machine.open_files",
        "machine.memory",
        "machine.python",
        "machine.sqlite",
        "machine.libraries",
    }
    assert findings["clock.year"].level is Level.OK
    assert "sqlalchemy 2." in findings["machine.libraries"].found


@pytest.mark.parametrize(
    ("now_s", "level"),
    [(0, Level.FAULT), (1_795_000_000, Level.OK), (1_900_000_000, Level.OK), (5_000_000_000, Level.FAULT)],
)
def test_a_time_that_cannot_be_is_a_fault(now_s: float, level: Level) -> None:
    assert clock(now_s).level is level


@pytest.mark.parametrize(
    ("limit", "level", "words"),
    [
        (1024, Level.WARNING, "this shell may open 1,024 files; 1,000 sockets (CHAT_MAX_CONNECTIONS) need 1,256"),
        (1256, Level.OK, "this shell may open 1,256 files, 1,256 are needed"),
        (resource.RLIM_INFINITY, Level.OK, "this shell may open any number of files, 1,256 are needed"),
    ],
)
def test_without_a_server_the_limit_is_what_the_shell_may_raise_it_to(
    limit: int, level: Level, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, limit))
    finding = open_files(1000, None)
    assert (finding.level, finding.found) == (level, words)


@pytest.mark.parametrize(
    ("soft", "level", "words"), [("1024", Level.WARNING, "1,024"), ("unlimited", Level.OK, "any number of")]
)
def test_of_a_running_server_it_is_the_one_it_has(
    soft: str, level: Level, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "77"
    folder.mkdir()
    line = f"Max open files            {soft}                 4096                 files     \n"
    (folder / "limits").write_text(f"Limit                     Soft Limit           Hard Limit           Units\n{line}")
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    finding = open_files(1000, 77)
    assert finding.level is level
    assert finding.found.startswith(f"the server (process 77) may open {words}")


def test_a_limit_that_cannot_be_read_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    assert open_files(1000, 77).level is Level.SKIPPED
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "limits").write_text("nothing that is known\n")
    assert open_files(1000, 77).level is Level.SKIPPED


def test_the_process_that_holds_the_data_folder_is_the_server(tmp_path: Path) -> None:
    if not Path("/proc/locks").exists():
        pytest.skip("this system does not tell who holds a lock")
    with locked_data_folder(tmp_path):
        findings = by_check(check_machine(Settings.load(None, data_dir=tmp_path)))
    assert f"the server (process {os.getpid()})" in findings["machine.open_files"].found


@pytest.mark.parametrize(("limit", "level"), [(540 * MIB, Level.WARNING), (560 * MIB, Level.OK), (None, Level.SKIPPED)])
def test_little_memory_is_told(limit: int | None, level: Level) -> None:
    assert memory(10_000, limit, hashes=2).level is level


def test_the_limit_of_a_control_group_counts_with_all_above_it(tmp_path: Path) -> None:
    cgroups, proc = tmp_path / "cgroup", tmp_path / "proc"
    group = cgroups / "system.slice" / "chat.service"
    group.mkdir(parents=True)
    (proc / "77").mkdir(parents=True)
    (proc / "77" / "cgroup").write_text("0::/system.slice/chat.service\n")
    (group / "memory.max").write_text("max\n")
    (cgroups / "system.slice" / "memory.max").write_text(f"{300 * MIB}\n")
    assert memory_limit(77, proc, cgroups) == 300 * MIB
    (group / "memory.max").write_text(f"{200 * MIB}\n")
    assert memory_limit(77, proc, cgroups) == 200 * MIB


def test_the_older_kind_of_control_groups_is_read_too(tmp_path: Path) -> None:
    cgroups, proc = tmp_path / "cgroup", tmp_path / "proc"
    group = cgroups / "memory" / "docker" / "1234"
    group.mkdir(parents=True)
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("8:pids:/docker/1234\n4:memory:/docker/1234\n0::/\n")
    (group / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    whole = memory_limit(None, proc, cgroups)
    (cgroups / "memory" / "memory.limit_in_bytes").write_text(f"{100 * MIB}\n")
    assert memory_limit(None, proc, cgroups) == 100 * MIB
    assert whole is not None
    assert whole > 100 * MIB


def test_without_control_groups_it_is_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_limit(None, tmp_path, tmp_path) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    def unknown(_name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)
    assert memory_limit(None, tmp_path, tmp_path) is None


def test_an_old_sqlite_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    assert by_check(machine._versions())["machine.sqlite"].level is Level.FAULT


def test_a_library_that_is_missing_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "uvloop":
            raise metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(metadata, "version", version)
    finding = by_check(machine._versions())["machine.libraries"]
    assert (finding.level, finding.found) == (Level.FAULT, "missing: uvloop")

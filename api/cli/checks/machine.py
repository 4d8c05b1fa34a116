"""What the machine gives the server: time, files, memory, libraries. Of a running server, what that one has."""

import contextlib
import os
import platform
import resource
import sqlite3
import time
from importlib import metadata
from pathlib import Path
from typing import Final

from api import __version__
from api.cli.checks.finding import Finding, Findings, fault, ok, skipped, warning
from api.cli.data_folder import locking_process
from api.cli.serve import OTHER_FILES
from api.security.passwords import MEMORY_KIB
from config.settings import Settings

_EARLIEST: Final = 1_795_000_000  # November 2026, when this was written
_LATEST: Final = 4_102_444_800  # 2100
_SQLITE_LEAST: Final = (3, 35, 0)  # RETURNING
_LIBRARIES: Final = (
    "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "websockets", "pydantic", "sqlalchemy", "alembic",
    "python-jose", "cryptography", "passlib", "argon2-cffi", "limits", "slowapi", "structlog", "orjson",
)  # fmt: skip
_MIB: Final = 1024 * 1024
_SERVER_BYTES: Final = 120 * _MIB  # at rest, measured
_SOCKET_BYTES: Final = 40 * 1024  # an idle one (docs/adr/0005-limits.md)
_NO_LIMIT: Final = 1 << 60  # how cgroup 1 says that there is none
_PROC: Final = Path("/proc")
_CGROUPS: Final = Path("/sys/fs/cgroup")


def check_machine(settings: Settings) -> Findings:
    """Look at the machine."""
    process = locking_process(settings.data_dir)
    yield clock(time.time())
    yield open_files(settings.max_connections, process)
    yield memory(settings.max_connections, memory_limit(process), hashes=os.cpu_count() or 1)
    yield from _versions()


def clock(now_s: float) -> Finding:
    """Judge whether it can be now."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))
    if not _EARLIEST <= now_s < _LATEST:
        return fault("clock.year", f"it is {now} here, which cannot be", "Set the clock (NTP).")
    return ok("clock.year", now)


def open_files(connections: int, process: int | None) -> Finding:
    """Compare the limit of open files with the sockets that there may be."""
    needed = connections + OTHER_FILES
    limit = _hard_limit() if process is None else _limit_of(process)
    if limit is None:
        return skipped("machine.open_files", "the server's limit cannot be read by this user")
    whose = "this shell" if process is None else f"the server (process {process})"
    found = f"{whose} may open {'any number of' if limit == resource.RLIM_INFINITY else f'{limit:,}'} files"
    if limit != resource.RLIM_INFINITY and limit < needed:
        return warning(
            "machine.open_files",
            f"{found}; {connections:,} sockets (CHAT_MAX_CONNECTIONS) need {needed:,}",
            "Raise it (`ulimit -Hn`, LimitNOFILE= of systemd, --ulimit of docker), or lower CHAT_MAX_CONNECTIONS.",
        )
    return ok("machine.open_files", f"{found}, {needed:,} are needed")


def memory(connections: int, limit: int | None, *, hashes: int) -> Finding:
    """Compare the memory that there is with that of a server with idle sockets, and as many log-ins as go at once."""
    needed = _SERVER_BYTES + connections * _SOCKET_BYTES + hashes * MEMORY_KIB * 1024
    if limit is None:
        return skipped("machine.memory", "this system does not tell")
    found = f"{limit // _MIB:,} MiB"
    if limit < needed:
        return warning(
            "machine.memory",
            f"{found}; {connections:,} idle sockets (CHAT_MAX_CONNECTIONS) need about {needed // _MIB:,}",
            "Give it more, or lower CHAT_MAX_CONNECTIONS: who takes too much is killed.",
        )
    return ok("machine.memory", f"{found}, a full server needs about {needed // _MIB:,}")


def memory_limit(process: int | None, proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """Return what a process may have in bytes: its control group's limit, or all of the machine's."""
    limits = []
    groups = ""
    with contextlib.suppress(OSError):
        groups = (proc / str(process or "self") / "cgroup").read_text(encoding="utf-8")
    for line in groups.splitlines():
        _, controllers, name = line.split(":", 2)
        if not controllers:
            limits += _limits_up(cgroups / name.lstrip("/"), cgroups, "memory.max")
        elif controllers == "memory":
            root = cgroups / "memory"
            limits += _limits_up(root / name.lstrip("/"), root, "memory.limit_in_bytes")
    with contextlib.suppress(OSError, ValueError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(limits, default=None)


def _limits_up(group: Path, root: Path, name: str) -> list[int]:
    """Read the limits of a group and of all that it is in."""
    limits = []
    for folder in (group, *group.parents):
        try:
            limit = (folder / name).read_text(encoding="ascii").strip()
        except OSError:  # seen from a container, its own group is the root
            limit = "max"
        if limit.isdecimal() and int(limit) < _NO_LIMIT:
            limits.append(int(limit))
        if folder == root:
            break
    return limits


def _hard_limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _limit_of(process: int) -> int | None:
    try:
        limits = (_PROC / str(process) / "limits").read_text(encoding="ascii")
    except OSError:
        return None
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return resource.RLIM_INFINITY if soft == "unlimited" else int(soft)
    return None


def _versions() -> Findings:
    yield ok("machine.python", f"{platform.python_version()} on {platform.system()}, chat {__version__}")
    if sqlite3.sqlite_version_info < _SQLITE_LEAST:
        yield fault("machine.sqlite", sqlite3.sqlite_version, "Use a Python with SQLite 3.35 or newer.")
    else:
        yield ok("machine.sqlite", sqlite3.sqlite_version)
    found, missing = [], []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        yield fault("machine.libraries", f"missing: {', '.join(missing)}", "Install the package anew.")
    else:
        yield ok("machine.libraries", ", ".join(found))

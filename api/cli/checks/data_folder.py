"""The data folder: whose it is, who may look in, where it lies, and how much room and speed the disk has."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from api.cli.checks.finding import Finding, Findings, fault, ok, skipped, warning
from config.settings import Settings

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gfs2", "ocfs2", "beegfs"}
)
_NETWORK_FUSE: Final = ("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse")
_PASSING: Final = {"tmpfs": "memory", "ramfs": "memory", "overlay": "the container itself"}
_MIB: Final = 1024 * 1024
_FREE_FAULT: Final = 64 * _MIB
_FREE_WARNING: Final = 1024 * _MIB
_FLUSH_WARNING_MS: Final = 100
_MOUNTS: Final = Path("/proc/self/mountinfo")


def check_data_folder(settings: Settings) -> Findings:
    """Look at the folder, the database's own where that is another one, and the files in it."""
    folder, database = settings.data_dir, settings.sqlite_path
    folders = list(dict.fromkeys([folder.absolute(), database.parent.absolute()]))
    for one in folders:
        if not one.is_dir():
            yield _missing(one)
            continue
        yield _rights(one)
        yield file_system(one, _mount_table())
        yield _room(one)
        yield _speed(one)
    files = [database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm", ".before-restore")]
    yield from _modes(file for file in files if file.exists())


def _missing(folder: Path) -> Finding:
    if os.path.lexists(folder):
        return fault("data_folder.rights", f"{folder} is no folder", "Move it away, or set CHAT_DATA_DIR.")
    above = next(parent for parent in folder.parents if parent.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        return fault(
            "data_folder.rights",
            f"{folder} is not there, and this user cannot make it in {above}",
            "Make it and give it to the user of the server, or set CHAT_DATA_DIR.",
        )
    return skipped(
        "data_folder.rights",
        f"{folder} is not there yet: `chat serve` makes it, for its user alone",
        "If a server has run here before, CHAT_DATA_DIR or the folder that this was started from is another one.",
    )


def _rights(folder: Path) -> Finding:
    state = folder.stat()
    mode = stat.S_IMODE(state.st_mode)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return fault(
            "data_folder.rights",
            f"this user cannot write to {folder} (mode {mode:03o}, user {state.st_uid})",
            "Give it to the user of the server, and run `chat doctor` as that user.",
        )
    if mode & 0o077:
        return warning(
            "data_folder.rights",
            f"others of this machine may look into {folder} (mode {mode:03o})",
            f"chmod 700 {folder}",
        )
    if state.st_uid != os.geteuid():
        return warning(
            "data_folder.rights",
            f"{folder} belongs to user {state.st_uid}, this is user {os.geteuid()}",
            "Run `chat` as the user of the server: what another one makes there is closed to the server.",
        )
    return ok("data_folder.rights", f"{folder}, for its owner alone (mode {mode:03o})")


def file_system(folder: Path, mounts: str) -> Finding:
    """Judge what a folder lies on, by the table of mounts (proc_pid_mountinfo(5))."""
    check = "data_folder.file_system"
    kind = _kind_of(folder.resolve(), mounts)
    if kind is None:
        return skipped(check, "this system does not tell")
    if kind in _NETWORK or kind.startswith(_NETWORK_FUSE):
        return warning(
            check,
            f"{kind}: a network file system keeps neither SQLite's locks nor its order of writes for certain",
            "Put the data folder on a disk of this machine.",
        )
    if kind in _PASSING:
        return warning(
            check,
            f"{kind}: what is acknowledged is kept in {_PASSING[kind]}, and ends with it",
            "Put the data folder on a disk; in a container, mount a volume there.",
        )
    return ok(check, kind)


def _mount_table() -> str:
    try:
        return _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _kind_of(folder: Path, mounts: str) -> str | None:
    nearest, kind = -1, None
    for line in mounts.splitlines():
        place, _, rest = line.partition(" - ")
        fields, kinds = place.split(" "), rest.split(" ")
        if len(fields) < 5 or not kinds[0]:  # noqa: PLR2004 - the fifth is the mount point
            continue
        point = Path(fields[4].encode("latin-1", "replace").decode("unicode_escape"))
        if folder.is_relative_to(point) and len(point.parts) >= nearest:  # a later one covers an earlier one
            nearest, kind = len(point.parts), kinds[0]
    return kind


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    found = f"{free // _MIB:,} MiB are free"
    advice = "Make room, or move the data folder: without room nothing can be sent (`unavailable`)."
    if free < _FREE_FAULT:
        return fault("data_folder.free", found, advice)
    return warning("data_folder.free", found, advice) if free < _FREE_WARNING else ok("data_folder.free", found)


def _speed(folder: Path) -> Finding:
    """Write a page into a file without a name, which nothing can leave behind, and wait for the disk."""
    check = "data_folder.write"
    begin = time.perf_counter()
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(os.urandom(4096))
            os.fsync(file.fileno())
    except OSError as error:
        return fault(check, f"nothing can be written to {folder} ({error.strerror})", "Make room, or repair the disk.")
    ms = (time.perf_counter() - begin) * 1000
    found = f"4 KiB written and flushed in {ms:.1f} ms"
    if ms > _FLUSH_WARNING_MS:
        return warning(check, found, "Every acknowledgement waits for that long: use a faster disk.")
    return ok(check, found)


def _modes(files: Iterable[Path]) -> Findings:
    for file in files:
        state = file.stat()
        mode = stat.S_IMODE(state.st_mode)
        if mode & 0o077:
            yield warning(
                "data_folder.files",
                f"others of this machine may open {file} (mode {mode:03o}), which holds all messages",
                f"chmod 600 {file}",
            )
        elif not os.access(file, os.R_OK | os.W_OK):
            yield fault(
                "data_folder.files",
                f"{file} is closed to this user (mode {mode:03o}, user {state.st_uid})",
                "Give it to the user of the server, and run `chat doctor` as that user.",
            )

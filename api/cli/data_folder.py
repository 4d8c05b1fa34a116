"""The data folder and its lock: one server at a time writes there."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from api.cli.refusal import Refusal

LOCK_FILE: Final = "server.lock"


def make_data_folder(folder: Path) -> None:
    """Make the folder, for this user only, unless it is there.

    Raises:
        Refusal: it cannot be made or written to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"CHAT_DATA_DIR: {folder} cannot be made ({error.strerror})") from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise Refusal(f"CHAT_DATA_DIR: {folder} cannot be written to")


def is_locked(folder: Path) -> bool:
    """Tell whether a server runs on the folder; nothing is made, and the lock is held for no longer than a look takes.

    Raises:
        OSError: the lock cannot be looked at.
    """
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def locking_process(folder: Path) -> int | None:
    """Return the id of the process that runs on the folder; None where the kernel does not tell (Linux does)."""
    try:
        found = (folder / LOCK_FILE).stat()
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return None
    file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in locks.splitlines():
        match line.split():
            case [_, "FLOCK", _, "WRITE", process, where, *_] if where == file and int(process) > 0:
                return int(process)
            case _:
                pass
    return None


@contextmanager
def locked_data_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder; the kernel lets it go whenever this process ends, however that happens.

    Raises:
        Refusal: another process holds it, or the folder cannot be written to.
    """
    make_data_folder(folder)
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refusal(f"CHAT_DATA_DIR: {folder} cannot be written to ({error.strerror})") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(f"CHAT_DATA_DIR: a server is running on {folder} already") from None
        except OSError as error:
            raise Refusal(f"CHAT_DATA_DIR: {folder} cannot be locked ({error.strerror})") from None
        yield
    finally:
        os.close(lock)

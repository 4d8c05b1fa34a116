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

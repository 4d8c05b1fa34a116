"""Passwords: which ones are good enough, and how they are kept. The one place that calls passlib."""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from passlib.context import CryptContext
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from api.domain.errors import ChatError, ErrorCode, invalid
from api.domain.text import name_key

T = TypeVar("T")

QUEUE_MAX: Final = 64
"""Hashes waiting for a thread: about a second of work on two cores, past which a retry serves the client better."""

MEMORY_KIB: Final = 19_456

_RETRY_AFTER_MS = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password is right; `upgraded_hash` is set when what is stored should be replaced by it."""

    is_right: bool
    upgraded_hash: str | None = None


@dataclass(frozen=True, slots=True)
class HashLoad:
    """How many hashes are being worked on and how many wait for a thread now; how many were refused so far."""

    running: int
    waiting: int
    refused: int


class Passwords:
    """Hashes and verifies in threads of its own: argon2id, 19 MiB, t=2, p=1 (OWASP).

    Making one costs one hash of work in the calling thread.

    Args:
        threads: how many at once; None: as many as there are cores.
        queue_max: how many may wait for a thread.
        memory_kib: of each hash; less makes stolen hashes cheaper to guess.
    """

    def __init__(self, *, threads: int | None = None, queue_max: int = QUEUE_MAX, memory_kib: int = MEMORY_KIB) -> None:
        threads = threads or os.cpu_count() or 1
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=memory_kib,
            argon2__time_cost=2,
            argon2__parallelism=1,
        )
        # What an unknown user's password is compared with, so that the answer takes as long as for a known one.
        self._nobodys_hash = self._context.hash(secrets.token_urlsafe())
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._threads = threads
        self._places = threads + queue_max
        self._lock = threading.Lock()
        self._taken = 0
        self._refused = 0

    @property
    def load(self) -> HashLoad:
        """Tell how much there is to do."""
        running = min(self._taken, self._threads)
        return HashLoad(running, self._taken - running, self._refused)

    async def hash(self, password: str) -> str:
        """Hash a password for the store.

        Raises:
            ChatError: `unavailable`, too many are waiting.
        """
        return await self._run(lambda: self._context.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Compare a password with what is stored; None costs the same, and is never right.

        Raises:
            ChatError: `unavailable`, too many are waiting.
        """
        return await self._run(lambda: self._verify(password, password_hash))

    def close(self) -> None:
        """End the threads; what still waits is not done."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> Verdict:
        if password_hash is None:
            self._context.verify(password, self._nobodys_hash)
            return Verdict(is_right=False)
        is_right, upgraded_hash = self._context.verify_and_update(password, password_hash)
        return Verdict(is_right, upgraded_hash)

    async def _run(self, work: Callable[[], T]) -> T:
        self._take_place()
        try:
            future = self._executor.submit(work)
        except RuntimeError:  # closed
            self._free_place()
            raise
        future.add_done_callback(self._free_place)
        return await asyncio.wrap_future(future)

    def _take_place(self) -> None:
        with self._lock:
            if self._taken < self._places:
                self._taken += 1
                return
            self._refused += 1
        raise ChatError(ErrorCode.UNAVAILABLE, "Too many log-ins at once; try again.", retry_after_ms=_RETRY_AFTER_MS)

    def _free_place(self, _done: Future[Any] | None = None) -> None:
        with self._lock:
            self._taken -= 1


class PasswordPolicy:
    """Which passwords may be chosen. What none can be (too long, NUL) is `api.domain.text.check_password`'s."""

    def __init__(self, *, min_length: int) -> None:
        self._min_length = min_length
        # The 30,000 most common ones, all in lower case.
        self._common = frozenset(FREQUENCY_LISTS["passwords"])

    def check(self, password: str, username: str, *, field: str) -> None:
        """Refuse a password that is short, blank, common, or the username.

        Raises:
            ChatError: `validation_error` of that field of the body.
        """
        if len(password) < self._min_length:
            raise invalid(["body", field], f"must have at least {self._min_length} characters", "password_too_short")
        if not password.strip():
            raise invalid(["body", field], "must not be blank", "password_blank")
        if name_key(password) == name_key(username):
            raise invalid(["body", field], "must not be the username", "password_is_username")
        if name_key(password) in self._common:
            raise invalid(["body", field], "is one of the most common passwords", "password_too_common")

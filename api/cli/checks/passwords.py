"""Password hashing: it works, and how long it takes here."""

import asyncio
import contextlib
import os
import time
from typing import Final

from api.cli.checks.finding import Findings, fault, ok, warning
from api.security.passwords import MEMORY_KIB, Passwords
from config.settings import Settings

_SLOW_MS: Final = 500
_PASSWORD: Final = "what the doctor hashes"  # noqa: S105 - nobody's
_REINSTALL: Final = "Nobody could log in. Install the package anew, with the versions of requirements.lock."


def check_passwords(_settings: Settings) -> Findings:
    """Hash a password, and compare the right one and a wrong one with it."""
    with contextlib.closing(Passwords(threads=1)) as passwords:
        begin = time.perf_counter()
        password_hash = asyncio.run(passwords.hash(_PASSWORD))
        ms = (time.perf_counter() - begin) * 1000
        right = asyncio.run(passwords.verify(_PASSWORD, password_hash)).is_right
        wrong = asyncio.run(passwords.verify(_PASSWORD + "!", password_hash)).is_right
    if not password_hash.startswith("$argon2id$") or not right or wrong:
        yield fault("passwords.hash", "a right password is refused, or a wrong one passes", _REINSTALL)
        return
    cores = os.cpu_count() or 1
    found = f"argon2id, {MEMORY_KIB // 1024} MiB, {ms:.0f} ms a hash: about {cores * 1000 / ms:.0f} log-ins a second"
    if ms > _SLOW_MS:
        yield warning(
            "passwords.hash", found, "The machine is slow or busy; give the server more of a core, or log-ins wait."
        )
    else:
        yield ok("passwords.hash", found)

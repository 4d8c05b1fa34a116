"""Argon2, counted: what a guess costs is told by the work that is done, not by a clock."""

from __future__ import annotations

import re
from typing import Any, Final

import argon2.low_level
import pytest

_COST: Final = re.compile(r"m=\d+,t=\d+,p=\d+")


class CountedHashes(list[str]):
    """What was hashed: `hash` or `verify`, and at which cost; in the order done, from every thread."""

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Count each call of the library from now on."""
        hash_secret, verify_secret = argon2.low_level.hash_secret, argon2.low_level.verify_secret

        def hash_counted(*, memory_cost: int, time_cost: int, parallelism: int, **rest: Any) -> bytes:  # noqa: ANN401
            self.append(f"hash m={memory_cost},t={time_cost},p={parallelism}")
            return hash_secret(memory_cost=memory_cost, time_cost=time_cost, parallelism=parallelism, **rest)

        def verify_counted(stored: bytes, secret: bytes, kind: argon2.Type) -> bool:
            cost = _COST.search(stored.decode())
            self.append(f"verify {cost[0] if cost else '?'}")
            return verify_secret(stored, secret, kind)

        patch.setattr(argon2.low_level, "hash_secret", hash_counted)
        patch.setattr(argon2.low_level, "verify_secret", verify_counted)

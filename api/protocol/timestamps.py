"""Times as the wire shows them."""

import time
from functools import lru_cache


@lru_cache(maxsize=64)
def _second(epoch_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(epoch_s))


def rfc3339(at_ms: int) -> str:
    """Write milliseconds since the epoch as RFC 3339 in UTC: `2026-11-22T05:12:00.123Z`."""
    epoch_s, ms = divmod(at_ms, 1000)
    return f"{_second(epoch_s)}.{ms:03d}Z"


def rfc3339_or_none(at_ms: int | None) -> str | None:
    """Write a time that may not be set."""
    return None if at_ms is None else rfc3339(at_ms)

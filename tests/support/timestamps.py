"""Times as the wire shows them."""

from __future__ import annotations

from datetime import datetime


def seconds(text: str) -> float:
    """Give the Unix seconds of an RFC 3339 time in UTC with milliseconds, the only form that the contract knows."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()

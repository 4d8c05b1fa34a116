"""Many ids, in parts that one statement takes."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

# SQLite takes 32,766 parameters in one statement, PostgreSQL 65,535; a few hundred at once cost nothing more.
IDS_AT_ONCE: Final = 500


def in_parts(ids: Collection[str]) -> Iterator[Sequence[str]]:
    """Cut ids into lists short enough for one `IN (...)`."""
    listed = list(ids)
    for start in range(0, len(listed), IDS_AT_ONCE):
        yield listed[start : start + IDS_AT_ONCE]

"""One database for all schedules of a module; each makes people and rooms of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.broadcast.stores import Database, open_database


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with open_database(tmp_path_factory.mktemp("nodes")) as opened:
        yield opened

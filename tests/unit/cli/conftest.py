"""People at `chat talk`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.talkers import Talk


@pytest_asyncio.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """Start `chat talk` over pipes; what still runs at the end is killed."""
    starter = Talk(tmp_path)
    yield starter
    await starter.close()

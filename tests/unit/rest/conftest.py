"""One application for all tests of a file; its people are one test's own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.inside import Inside, open_inside


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Inside]:
    async with open_inside(tmp_path_factory.mktemp("inside")) as opened:
        yield opened

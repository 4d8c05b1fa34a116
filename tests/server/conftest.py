"""Order after each conversation with a server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.raw import RawSocket


@pytest_asyncio.fixture(autouse=True)
async def raw_sockets_are_closed() -> AsyncIterator[None]:
    """Close what a test left open, passed or failed, so that no other test is told of it."""
    yield
    for socket in RawSocket.opened:
        socket.close()
    RawSocket.opened.clear()

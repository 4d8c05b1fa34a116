"""The backends that the contracts hold for. Another one is one more entry in its table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from api.broadcast.base import Broker
from api.broadcast.memory import MemoryBroker
from api.rate_limiter import RateLimiter, WindowRateLimiter
from api.store.base import OnCommitted, Store
from api.store.schema import migrate
from api.store.sqlite import open_sqlite_store
from tests.unit.broadcast.chaos import ChaosBroker
from tests.unit.broadcast.stage import Stage


@dataclass
class Doors:
    """Two nodes' doors to one broker.

    `settle` returns once whatever was published has come or will not come.
    """

    here: Broker
    there: Broker
    settle: Callable[[], Awaitable[None]]
    is_lossless: bool = True


@asynccontextmanager
async def _memory() -> AsyncIterator[Doors]:
    broker = MemoryBroker()
    yield Doors(broker, broker, Stage.settle)


def _chaos(loss: float) -> Callable[[], AbstractAsyncContextManager[Doors]]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Doors]:
        stage, broker = Stage(1), MemoryBroker()
        here, there = (ChaosBroker(broker, stage, name, loss=loss) for name in ("here", "there"))
        stepping = asyncio.create_task(_step(stage))
        yield Doors(here, there, stage.take_all, is_lossless=loss == 0)
        stepping.cancel()

    return opened


async def _step(stage: Stage) -> None:
    while True:
        await stage.take_any()
        await asyncio.sleep(0)


BROKERS: dict[str, Callable[[], AbstractAsyncContextManager[Doors]]] = {
    "memory": _memory,
    "memory, reordered and doubled": _chaos(0.0),
    "memory, reordered, doubled and lossy": _chaos(0.4),
}


@dataclass
class Stores:
    """Two nodes' stores over one database; each tells its listener of its own commits."""

    here: Store
    there: Store
    listen_here: Callable[[OnCommitted], None]


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Stores]:
    url = f"sqlite+aiosqlite:///{folder / 'chat.db'}"
    migrate(url)
    async with AsyncExitStack() as stack:
        here, there = [
            await stack.enter_async_context(
                open_sqlite_store(url, observe_commit=lambda _seconds: None, clock_ms=lambda: 1_795_324_320_123)
            )
            for _ in range(2)
        ]

        def listen(on_committed: OnCommitted) -> None:
            here.on_committed = on_committed

        yield Stores(here, there, listen)


STORES: dict[str, Callable[[Path], AbstractAsyncContextManager[Stores]]] = {"sqlite": _sqlite}


@asynccontextmanager
async def _window() -> AsyncIterator[RateLimiter]:
    yield WindowRateLimiter()


RATE_LIMITERS: dict[str, Callable[[], AbstractAsyncContextManager[RateLimiter]]] = {"memory": _window}

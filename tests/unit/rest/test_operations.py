"""What load balancers ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.rest import operations
from tests.support.inside import Inside, open_inside


@pytest_asyncio.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    """Give an application of this test's own: these break it."""
    async with open_inside(tmp_path) as opened:
        yield opened


async def test_a_running_node_with_its_database_is_healthy_and_ready(inside: Inside) -> None:
    http = await inside.client()
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": {"database": "ok", "node": "ok"}})


async def test_a_draining_node_is_not_ready_and_alive(inside: Inside) -> None:
    await inside.resources.drain(0.1)
    http = await inside.client()
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"] == {"database": "ok", "node": "draining"}
    assert (await http.get("/healthz")).status_code == 200


async def test_a_node_whose_database_is_gone_is_not_ready_and_alive(inside: Inside, tmp_path: Path) -> None:
    for name in ("chat.db", "chat.db-wal", "chat.db-shm"):
        (tmp_path / name).unlink()
    http = await inside.client()
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"database": "failed", "node": "ok"})
    assert (await http.get("/healthz")).status_code == 200


async def test_a_database_that_takes_too_long_is_gone(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "DATABASE_TIMEOUT_S", 0.0)
    answer = await (await inside.client()).get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "failed")

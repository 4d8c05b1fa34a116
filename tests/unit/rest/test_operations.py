"""What load balancers ask, and the page about the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.rest import operations
from tests.support.inside import Inside, open_inside
from tests.support.problems import check_problem


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


@pytest.mark.parametrize("path", ["/docs", "/docs/page/start.js", "/docs/swagger/swagger-ui.css"])
async def test_the_page_and_its_files_come_from_here_under_rules_of_their_own(inside: Inside, path: str) -> None:
    answer = await (await inside.client()).get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy, "no other site"


@pytest.mark.parametrize("path", ["/docs/page/none.js", "/docs/page/../index.html", "/docs/swagger"])
async def test_what_is_no_file_of_the_page_is_not_found(inside: Inside, path: str) -> None:
    check_problem(await (await inside.client()).get(path), 404, "not_found")


async def test_the_documentation_can_be_switched_off(tmp_path: Path) -> None:
    async with open_inside(tmp_path, docs_enabled=False) as inside:
        http = await inside.client()
        for path in ("/docs", "/openapi.json", "/docs/page/start.js"):
            check_problem(await http.get(path), 404, "not_found")

"""The page about the REST API and its files."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.inside import Inside, open_inside
from tests.support.problems import check_problem


@pytest_asyncio.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    """Give an application."""
    async with open_inside(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/docs", "/docs/page/start.js", "/docs/swagger/swagger-ui.css"])
async def test_the_page_and_its_files_come_from_here_under_rules_of_their_own(inside: Inside, path: str) -> None:
    answer = await (await inside.client()).get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy, "no other site"


@pytest.mark.parametrize("path", ["/docs", "/docs/page/start.js", "/docs/swagger/swagger-ui.css", "/docs/ws/page.css"])
@pytest.mark.parametrize("wanted", ["bytes=0-0", "bytes=999999999-", "bytes=-", "lines=1-2"])
async def test_a_part_of_a_file_is_answered_with_all_of_it(inside: Inside, path: str, wanted: str) -> None:
    http = await inside.client()
    whole, part = await http.get(path), await http.get(path, headers={"Range": wanted})
    assert (part.status_code, part.content) == (200, whole.content)
    assert "Accept-Ranges" not in whole.headers


@pytest.mark.parametrize("path", ["/docs/page/none.js", "/docs/page/../index.html", "/docs/swagger"])
async def test_what_is_no_file_of_the_page_is_not_found(inside: Inside, path: str) -> None:
    check_problem(await (await inside.client()).get(path), 404, "not_found")


async def test_the_documentation_can_be_switched_off(tmp_path: Path) -> None:
    async with open_inside(tmp_path, docs_enabled=False) as inside:
        http = await inside.client()
        for path in ("/docs", "/openapi.json", "/docs/page/start.js"):
            check_problem(await http.get(path), 404, "not_found")


async def test_the_page_lets_people_log_in_by_the_one_scheme_that_a_page_can_use(inside: Inside) -> None:
    http = await inside.client()
    schemes = (await http.get("/openapi.json")).json()["components"]["securitySchemes"].values()
    kept = re.search(r'get\("type"\) === "(\w+)"', (await http.get("/docs/page/start.js")).text)
    assert kept is not None
    assert [set(scheme["flows"]) for scheme in schemes if scheme["type"] == kept[1]] == [{"password"}]

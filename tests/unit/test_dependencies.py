"""Who is asking: from the headers of a request to a user, or to a refusal that counts and is logged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from api.dependencies import client_address
from tests.support.inside import ADDRESS, Inside, open_inside
from tests.support.problems import check_problem


@pytest_asyncio.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    async with open_inside(tmp_path, rate_limits_enabled=True, rate_limit_rest="3/hour") as opened:
        yield opened


async def test_a_good_token_is_its_user_in_every_line_of_the_request(inside: Inside) -> None:
    ada = await inside.person()
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        assert (await ada.http.get("/v1/users/me")).json()["id"] == ada.id
    assert [(line["event"], line["user_id"]) for line in lines] == [("http.request", ada.id)]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "missing_token"),
        ("", "missing_token"),
        ("Bearer", "missing_token"),
        ("Bearer ", "missing_token"),
        ("Basic YWRhOmFkYQ==", "missing_token"),
        ("Bearer junk", "invalid_token"),
        ("bearer junk", "invalid_token"),
        ("Bearer a b", "invalid_token"),
    ],
)
async def test_a_header_that_shows_no_good_token_is_refused_and_logged(
    inside: Inside, header: str | None, code: str
) -> None:
    http = await inside.client()
    headers = {} if header is None else {"Authorization": header}
    with capture_logs() as lines:
        check_problem(await http.get("/v1/users/me?secret=canary", headers=headers), 401, code)
    (line,) = [line for line in lines if line["event"] == "auth.refused"]
    assert (line["code"], line["client"], line["path"]) == (code, ADDRESS, "/v1/users/me")
    assert "junk" not in str(lines)


async def test_a_token_in_the_query_string_is_none(inside: Inside) -> None:
    ada = await inside.person()
    http = await inside.client()
    check_problem(await http.get("/v1/users/me", params={"access_token": ada.token}), 401, "missing_token")


async def test_a_suspended_user_is_refused_with_a_good_token(inside: Inside) -> None:
    ada = await inside.person()
    await inside.suspend(ada.user)
    check_problem(await ada.http.get("/v1/users/me"), 403, "account_suspended")


async def test_who_shows_no_good_token_spends_the_budget_of_his_address_alone(inside: Inside) -> None:
    ada, http = await inside.person(), await inside.client()
    for header in ("Bearer junk", "Bearer more junk", ""):
        check_problem(
            await http.get("/v1/users/me", headers={"Authorization": header}),
            401,
            "invalid_token" if header else "missing_token",
        )
    check_problem(await http.get("/v1/users/me", headers={"Authorization": "Bearer junk"}), 429, "rate_limited")
    assert (await ada.http.get("/v1/users/me")).status_code == 200


async def test_a_user_has_one_budget_over_all_his_sessions(inside: Inside) -> None:
    ada = await inside.person()
    second = await inside.session(ada.user)
    statuses = [(await one.http.get("/v1/users/me")).status_code for one in (ada, second, ada, second)]
    assert statuses == [200, 200, 200, 429]


def test_a_connection_without_an_address_has_an_empty_one() -> None:
    assert client_address(HTTPConnection({"type": "http", "headers": [], "client": ("192.0.2.9", 1)})) == "192.0.2.9"
    assert client_address(HTTPConnection({"type": "http", "headers": [], "client": None})) == ""

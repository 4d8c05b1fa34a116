"""Pages of other sites that use the REST API: those of the list may, and read what they need; others read nothing."""

from __future__ import annotations

import pytest

from tests.support.fixtures import MakeServer, TokenOf
from tests.support.people import http_client
from tests.support.problems import check_problem
from tests.support.server import ServerProcess

ORIGIN = "https://app.example.com"
EXPOSED = {"retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"}


def preflight(origin: str, method: str, headers: str = "authorization,content-type") -> dict[str, str]:
    """Write the headers of the question that a browser asks first."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_of_the_list_may_send_any_request_of_the_api(special: ServerProcess, method: str) -> None:
    wanted = "authorization,content-type,idempotency-key,x-request-id"
    async with http_client(special) as http:
        response = await http.options("/v1/rooms", headers=preflight(ORIGIN, method, wanted))
    assert response.status_code in {200, 204}
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in response.headers["Access-Control-Allow-Methods"]
    allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(wanted.split(",")) <= allowed
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "origin" in response.headers["Vary"].lower()


async def test_a_page_of_the_list_reads_answers_and_the_headers_it_needs(
    special: ServerProcess, token_of: TokenOf
) -> None:
    async with http_client(special, token_of(special), Origin=ORIGIN) as http:
        for path, status in (("/v1/users/me", 200), ("/nothing", 404), ("/v1/rooms?limit=0", 422)):
            response = await http.get(path)
            assert response.status_code == status
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert "Access-Control-Allow-Credentials" not in response.headers
            assert "origin" in response.headers["Vary"].lower()
            exposed = {name.strip().lower() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
            assert exposed >= EXPOSED
    async with http_client(special, Origin=ORIGIN) as http:
        response = await http.get("/v1/users/me")
        check_problem(response, 401, "missing_token")
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://app.example.com", f"{ORIGIN}.evil.example", f"{ORIGIN}:8443"]
)
async def test_other_pages_are_allowed_nothing(special: ServerProcess, token_of: TokenOf, origin: str) -> None:
    async with http_client(special, token_of(special)) as http:
        answer = await http.get("/v1/users/me", headers={"Origin": origin})
        asked = await http.options("/v1/rooms", headers=preflight(origin, "POST"))
    for response in (answer, asked):
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_without_a_list_no_other_page_is_allowed(server: ServerProcess) -> None:
    async with http_client(server, Origin=ORIGIN) as http:
        assert "Access-Control-Allow-Origin" not in (await http.get("/healthz")).headers


async def test_a_page_of_the_list_reads_refusals_that_no_route_made(make_server: MakeServer) -> None:
    server = make_server(ALLOWED_ORIGINS=ORIGIN, ALLOWED_HOSTS="127.0.0.1")
    async with http_client(server, Origin=ORIGIN) as http:
        too_large = await http.post("/v1/auth/login", content=b" " * 70_000)
        elsewhere = await http.get("/v1/users/me", headers={"Host": "evil.example"})
    check_problem(too_large, 413, "too_large")
    check_problem(elsewhere, 400, "bad_request")
    for response in (too_large, elsewhere):
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "x-request-id" in response.headers["Access-Control-Expose-Headers"].lower()


async def test_a_refused_preflight_is_a_problem(special: ServerProcess) -> None:
    async with http_client(special) as http:
        of_others = await http.options("/v1/rooms", headers=preflight("https://evil.example", "POST"))
        of_ours = await http.options("/v1/rooms", headers=preflight(ORIGIN, "POST", "x-unknown"))
    for response in (of_others, of_ours):
        check_problem(response, 400, "bad_request")
        assert "origin" in response.headers["Vary"].lower()
    assert "Access-Control-Allow-Origin" not in of_others.headers
    assert of_ours.headers["Access-Control-Allow-Origin"] == ORIGIN

"""The documentation that the server itself shows: whole, and from nowhere else."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import http_client
from tests.support.problems import check_problem
from tests.support.server import ServerProcess

OPERATIONS = {
    "/v1/auth/signup": {"post"},
    "/v1/auth/login": {"post"},
    "/v1/auth/refresh": {"post"},
    "/v1/auth/logout": {"post"},
    "/v1/auth/password": {"post"},
    "/v1/auth/sessions": {"get"},
    "/v1/auth/sessions/{session_id}": {"delete"},
    "/v1/auth/ws-ticket": {"post"},
    "/v1/users/me": {"get", "patch", "delete"},
    "/v1/users/{user_id}": {"get"},
    "/v1/users": {"get"},
    "/v1/rooms": {"get", "post"},
    "/v1/rooms/{room_id}": {"get", "patch", "delete"},
    "/v1/rooms/{room_id}/members": {"get"},
    "/v1/rooms/{room_id}/members/{user_id}": {"put", "delete"},
    "/v1/rooms/{room_id}/bans": {"get"},
    "/v1/rooms/{room_id}/bans/{user_id}": {"put", "delete"},
    "/v1/rooms/{room_id}/messages": {"post", "get"},
    "/v1/rooms/{room_id}/events": {"get"},
    "/v1/messages/{message_id}": {"patch", "delete"},
    "/v1/rooms/{room_id}/read": {"put"},
    "/v1/ws": {"get"},
    "/healthz": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
}
NO_ROUTES_OF_USERS = {"/v1/ws", "/healthz", "/readyz", "/metrics"}
PUBLIC = {"/v1/auth/signup", "/v1/auth/login", "/v1/auth/refresh", "/healthz", "/readyz"}


async def openapi(server: ServerProcess) -> dict[str, Any]:
    """Fetch the description of the REST API."""
    async with http_client(server) as http:
        return done(await http.get("/openapi.json"))


@pytest.mark.wire("GET /docs")
async def test_the_page_loads_everything_it_needs_from_this_server(server: ServerProcess) -> None:
    async with http_client(server) as http:
        page = await http.get("/docs")
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src" in policy
        assert "http:" not in policy
        assert "https:" not in policy
        links = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)
        scripts = [link for link in links if link.endswith(".js")]
        assert scripts
        assert [link for link in links if link.endswith(".css")]
        for link in links:
            if link.startswith("data:"):
                continue
            assert not re.match(r"(https?:)?//", link), f"{link} is elsewhere"
            asset = await http.get(urljoin("/docs", link))
            assert asset.status_code == 200, link
            assert asset.content, link
        assert not re.search(r"""url:\s*["']https?://""", page.text)


@pytest.mark.wire("GET /docs")
async def test_only_the_docs_have_exceptions_from_the_content_security_policy(server: ServerProcess) -> None:
    async with http_client(server) as http:
        for path in ("/healthz", "/v1/users/me", "/nothing", "/openapi.json"):
            policy = (await http.get(path)).headers.get("Content-Security-Policy", "default-src 'none'")
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy


@pytest.mark.wire("GET /openapi.json")
async def test_the_description_has_every_operation_of_the_contract(server: ServerProcess) -> None:
    document = await openapi(server)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"]
    paths = {path: set(item) & {"get", "post", "put", "patch", "delete"} for path, item in document["paths"].items()}
    for path, methods in OPERATIONS.items():
        assert paths.get(path, set()) == methods, path
    assert {path for path in paths if path.startswith("/v1")} <= OPERATIONS.keys(), "nothing beside the contract"
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.wire("GET /openapi.json")
async def test_the_description_says_who_may_and_how_it_can_fail(server: ServerProcess) -> None:
    document = await openapi(server)
    for path, methods in OPERATIONS.items():
        for method in methods:
            operation = document["paths"][path][method]
            where = f"{method} {path}"
            if path in NO_ROUTES_OF_USERS:
                continue
            expected = {"422", "429", "500", "503"} | ({"401", "403"} if path not in PUBLIC else set())
            expected |= {"404"} if "{" in path else set()
            assert expected <= operation["responses"].keys(), where
            assert bool(operation.get("security")) is (path not in PUBLIC), where
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert "application/problem+json" in response["content"], f"{where} {status}"
                    assert "application/json" not in response["content"], f"{where} {status}"


@pytest.mark.wire("GET /openapi.json")
async def test_the_authorize_button_finds_the_login(server: ServerProcess, person: MakePerson) -> None:
    document = await openapi(server)
    (scheme,) = [scheme for scheme in document["components"]["securitySchemes"].values() if scheme["type"] == "oauth2"]
    token_url = urljoin(f"{server.url}/openapi.json", scheme["flows"]["password"]["tokenUrl"])
    assert token_url == f"{server.url}/v1/auth/login"
    ada = await person()
    # As Swagger UI sends it: client credentials go along, empty.
    form = {"grant_type": "password", "username": ada.username, "password": ada.password}
    headers = {"Authorization": "Basic Og==", "X-Requested-With": "XMLHttpRequest"}
    for extra in ({}, {"scope": ""}, {"client_id": "", "client_secret": ""}):
        response = await ada.http.post(token_url, data=form | extra, headers=headers)
        assert response.status_code == 200, response.text
        assert response.json()["token_type"] == "bearer"


async def test_the_docs_can_be_switched_off(server_with: MakeServer) -> None:
    server = server_with(SIGNUP="closed", DOCS_ENABLED="false", METRICS_ENABLED="false")
    async with http_client(server) as http:
        for path in ("/docs", "/openapi.json", "/redoc", "/docs/ws", "/asyncapi.json", "/metrics"):
            check_problem(await http.get(path), 404, "not_found")
        assert (await http.get("/healthz")).status_code == 200


async def test_every_reference_in_the_document_leads_somewhere(server: ServerProcess) -> None:
    document = await openapi(server)
    for reference in set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document))):
        assert reference in document["components"]["schemas"]

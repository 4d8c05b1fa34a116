"""Pages of the listed sites may use the API, and read every answer of it: refusals and faults, too."""

from __future__ import annotations

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.middleware.context import ContextMiddleware
from api.middleware.cors import CorsMiddleware
from api.middleware.errors import UnforeseenErrorMiddleware
from config.settings import Settings
from tests.support.problems import check_problem
from tests.unit.middleware.asgi import Answering

ORIGIN = "https://app.example.com"


async def ask(app: object, method: str = "GET", **headers: str) -> httpx2.Response:
    cors = CorsMiddleware(
        UnforeseenErrorMiddleware(app),  # type: ignore[arg-type] # any ASGI application
        allow_origins=[ORIGIN],
        allow_methods=["GET", "PATCH"],
        allow_headers=["Authorization"],
    )
    named = ContextMiddleware(cors, new_id=lambda: "r1")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(named), base_url="http://test") as http:
        return await http.request(method, "/", headers={name.replace("_", "-"): headers[name] for name in headers})


async def test_an_unforeseen_error_carries_the_headers_of_cors() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("a fault of the program")

    response = await ask(broken, Origin=ORIGIN)
    assert response.status_code == 500
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_a_preflight_of_a_listed_site_is_answered_before_the_application() -> None:
    app = Answering()
    response = await ask(
        app,
        "OPTIONS",
        Origin=ORIGIN,
        Access_Control_Request_Method="PATCH",
        Access_Control_Request_Headers="authorization",
    )
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert app.scopes == []


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"Origin": "https://evil.example"}, "origin"),
        ({"Access_Control_Request_Method": "DELETE"}, "method"),
        ({"Access_Control_Request_Headers": "x-secret"}, "headers"),
    ],
)
async def test_a_preflight_is_refused_with_a_problem_that_names_what_is_not_allowed(
    headers: dict[str, str], word: str
) -> None:
    asked = {"Origin": ORIGIN, "Access_Control_Request_Method": "GET"} | headers
    response = await ask(Answering(), "OPTIONS", **asked)
    document = check_problem(response, 400, "bad_request")
    assert document["detail"] == f"Disallowed CORS {word}."
    assert document["request_id"] == "r1"
    assert "Origin" in response.headers["Vary"]
    assert (response.headers.get("Access-Control-Allow-Origin") == ORIGIN) is (word != "origin")


async def test_a_page_of_another_site_gets_an_answer_that_it_may_not_read() -> None:
    response = await ask(Answering(), Origin="https://evil.example")
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


def test_cors_stands_around_all_that_refuses() -> None:
    names = [getattr(one.cls, "__name__", "") for one in create_app(Settings.load(None)).user_middleware]
    assert names == [
        "ContextMiddleware",
        "CountingMiddleware",
        "SecurityHeadersMiddleware",
        "CorsMiddleware",
        "UnforeseenErrorMiddleware",
        "AllowedHostsMiddleware",
        "SingleHeadersMiddleware",
        "BodyLimitMiddleware",
        "HeadMiddleware",
    ]

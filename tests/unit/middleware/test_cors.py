"""A page may read what nobody foresaw, too."""

from __future__ import annotations

import httpx2
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.middleware.cors import CorsMiddleware
from api.middleware.errors import UnforeseenErrorMiddleware
from config.settings import Settings

ORIGIN = "https://app.example.com"


async def test_an_unforeseen_error_carries_the_headers_of_cors() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("a fault of the program")

    app = CorsMiddleware(UnforeseenErrorMiddleware(broken), allow_origins=[ORIGIN])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as http:
        response = await http.get("/", headers={"Origin": ORIGIN})
    assert response.status_code == 500
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_cors_stands_around_all_that_refuses() -> None:
    names = [getattr(one.cls, "__name__", "") for one in create_app(Settings.load(None)).user_middleware]
    assert names == [
        "ContextMiddleware",
        "SecurityHeadersMiddleware",
        "CorsMiddleware",
        "UnforeseenErrorMiddleware",
        "AllowedHostsMiddleware",
        "BodyLimitMiddleware",
    ]

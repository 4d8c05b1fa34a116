"""HEAD is GET, and a path knows its methods."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

from api.middleware.methods import HeadMiddleware, allowed_methods
from tests.unit.middleware.asgi import Answering, ask, http_scope


async def test_head_reaches_the_route_as_get_and_every_other_method_as_it_is() -> None:
    for method, seen in (("HEAD", "GET"), ("GET", "GET"), ("DELETE", "DELETE"), ("TRACE", "TRACE")):
        app = Answering()
        scope = http_scope(method=method)
        await ask(HeadMiddleware(app), scope)
        assert [scope["method"] for scope in app.scopes] == [seen]
        assert scope["method"] == method, "the server has to know that the body is left out"


def app_with_routes() -> FastAPI:
    app, outer, inner = FastAPI(), APIRouter(prefix="/v1"), APIRouter(prefix="/things")

    async def nothing() -> None:
        pass

    inner.get("")(nothing)
    inner.post("")(nothing)
    inner.get("/me")(nothing)
    inner.patch("/me")(nothing)
    inner.get("/{thing_id}")(nothing)
    inner.delete("/{thing_id}")(nothing)
    inner.put("/{thing_id}/read")(nothing)
    outer.include_router(inner)
    app.include_router(outer)
    app.router.routes += [
        WebSocketRoute("/v1/things/me", nothing),
        Mount("/files", StaticFiles(directory="/")),
    ]
    return app


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/things", "GET, POST, HEAD, OPTIONS"),
        ("/v1/things/me", "GET, PATCH, DELETE, HEAD, OPTIONS"),
        ("/v1/things/17", "GET, DELETE, HEAD, OPTIONS"),
        ("/v1/things/17/read", "PUT, OPTIONS"),
        ("/files/x", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_path_has_the_methods_of_all_routes_that_match_it(path: str, allowed: str) -> None:
    scope = http_scope(path, method="TRACE")
    if path.startswith("/files"):
        scope["root_path"] = "/files"  # as the mount leaves it
    assert allowed_methods(app_with_routes().router.routes, scope) == allowed
    assert scope["method"] == "TRACE"

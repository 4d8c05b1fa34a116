"""What is counted of requests and refusals, and that a client makes no kind of its own."""

from __future__ import annotations

import secrets
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.broadcast.stats import NodeStats
from api.domain.errors import ErrorCode
from api.middleware.counting import CountingMiddleware, RequestCounts
from tests.unit.middleware.asgi import Answering, ask, http_scope

ROOM = SimpleNamespace(path="/v1/rooms/{room_id}", methods={"GET", "PATCH"})


def start(status: int, kind: str = "http") -> Message:
    return {"type": f"{kind}.response.start", "status": status, "headers": []}


def scope(path: str = "/v1/rooms/1", *, route: object = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return http_scope(path) | {"state": {}} | ({"route": route} if route is not None else {}) | more


@pytest.mark.parametrize(("status", "kind"), [(200, "2xx"), (304, "3xx"), (404, "4xx"), (503, "5xx")])
async def test_a_request_counts_by_its_routes_template_method_and_kind_of_status(status: int, kind: str) -> None:
    requests = RequestCounts()
    app = CountingMiddleware(Answering(start(status)), requests=requests, stats=NodeStats())
    await ask(app, scope(route=ROOM))
    ((route, counts),) = requests.by_route().items()
    assert route == ("/v1/rooms/{room_id}", "GET")
    assert {name: count for name, count in counts.statuses.items() if count} == {kind: 1}
    assert sum(counts.latency.counts()) == 1
    assert counts.latency.sum_s > 0


async def test_a_client_that_left_before_the_answer_counts_as_one_of_its_own_faults() -> None:
    requests = RequestCounts()
    app = CountingMiddleware(Answering(error=RuntimeError("gone")), requests=requests, stats=NodeStats())
    with pytest.raises(RuntimeError):
        await ask(app, scope(route=ROOM))
    assert requests.by_route()[ROOM.path, "GET"].statuses["4xx"] == 1


async def test_no_path_and_no_method_makes_a_kind_of_its_own() -> None:
    requests = RequestCounts()
    app = CountingMiddleware(Answering(), requests=requests, stats=NodeStats())
    for number in range(200):
        method = "".join(secrets.choice("ABCDEFGH") for _ in range(8))
        await ask(app, scope(f"/{secrets.token_hex(8)}"))
        await ask(app, scope(route=ROOM, method=method))
        await ask(app, scope(f"/v1/rooms/{number}", route=ROOM))
    assert set(requests.by_route()) == {("other", "other"), (ROOM.path, "GET")}
    assert requests.by_route()["other", "other"].statuses["2xx"] == 400


@pytest.mark.parametrize(("kind", "door"), [("http", "rest"), ("websocket.http", "handshake")])
async def test_a_refusal_counts_by_its_code_and_door(kind: str, door: str) -> None:
    stats = NodeStats()

    async def refusing(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["state"]["refusal"] = ErrorCode.RATE_LIMITED
        await send(start(429, kind))

    app = CountingMiddleware(refusing, requests=RequestCounts(), stats=stats)
    await ask(app, scope(type=kind.partition(".")[0]))
    assert {key: count for key, count in stats.refusals.items() if count} == {(door, ErrorCode.RATE_LIMITED): 1}


async def test_an_upgrade_is_no_request_and_the_lifespan_is_nothing() -> None:
    requests, stats = RequestCounts(), NodeStats()
    app = CountingMiddleware(Answering({"type": "websocket.accept"}), requests=requests, stats=stats)
    await ask(app, scope(type="websocket"))
    await ask(app, {"type": "lifespan"})
    assert requests.by_route() == {}
    assert not any(stats.refusals.values())

"""A socket whose way into the stream fails: it is closed, and neither hangs nor counts as open."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from api.app import create_app
from api.broadcast.hub import Hub
from api.broadcast.manager import BroadcastManager
from api.cli.database import migrate_database
from api.domain.errors import ChatError, ErrorCode
from api.ws.connection import SocketConnection
from config.settings import Settings
from tests.support.accounts import PASSWORD

SECRET: Final = "a secret of the database"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings.load(None, data_dir=tmp_path, rate_limits_enabled=False, max_connections_per_user=1)
    migrate_database(settings)
    with TestClient(create_app(settings)) as opened:
        yield opened


def headers_of_ada(client: TestClient) -> dict[str, str]:
    account = {"username": "ada", "password": PASSWORD}
    assert client.post("/v1/auth/signup", json=account).status_code == 201
    return {"Authorization": f"Bearer {client.post('/v1/auth/login', data=account).json()['access_token']}"}


@pytest.mark.parametrize(
    ("failure", "logged"),
    [(RuntimeError(SECRET), ["join"]), (ChatError(ErrorCode.UNAVAILABLE, "The database is busy."), [])],
)
def test_a_join_that_fails_closes_the_connection_with_4000(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, failure: Exception, logged: list[str]
) -> None:
    """Whatever it is that failed; only what nobody foresaw is a line in the log."""

    async def fail(*_args: object, **_options: object) -> None:
        raise failure

    headers = headers_of_ada(client)
    with monkeypatch.context() as patched, capture_logs() as lines:
        patched.setattr(BroadcastManager, "join", fail)
        with client.websocket_connect("/v1/ws", headers=headers) as socket, pytest.raises(WebSocketDisconnect) as lost:
            socket.receive_text()
    assert (lost.value.code, lost.value.reason) == (4000, "internal_error")
    assert [line["step"] for line in lines if line["event"] == "ws.failed"] == logged
    with client.websocket_connect("/v1/ws", headers=headers) as socket:
        assert socket.receive_json()["type"] == "welcome"


def test_a_connection_that_breaks_before_it_joins_is_closed_with_4000(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError(SECRET)

    headers = headers_of_ada(client)
    with monkeypatch.context() as patched, capture_logs() as lines:
        patched.setattr(SocketConnection, "hold_reading", broken)
        with client.websocket_connect("/v1/ws", headers=headers) as socket, pytest.raises(WebSocketDisconnect) as lost:
            socket.receive_text()
    assert (lost.value.code, lost.value.reason) == (4000, "internal_error")
    assert [(line["event"], line["step"]) for line in lines if line["log_level"] == "error"] == [
        ("ws.failed", "connect")
    ]
    with client.websocket_connect("/v1/ws", headers=headers) as socket:
        assert socket.receive_json()["type"] == "welcome"


def test_who_is_refused_gets_no_101_and_never_comes_near_the_stream(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for owner, name in ((BroadcastManager, "join"), (Hub, "register")):
        monkeypatch.setattr(owner, name, lambda *_args, _name=name, **_named: calls.append(_name))
    attempts: list[dict[str, Any]] = [
        {},
        {"headers": {"Authorization": "Bearer junk"}},
        {"headers": {"Cookie": "access_token=junk"}},
        {"headers": {"Origin": "https://evil.example"}},
        {"subprotocols": ["chat.v1", "bearer.junk"]},
        {"subprotocols": ["chat.v2"]},
        {"url": "/v1/ws?ticket=junk"},
    ]
    statuses = []
    for shown in attempts:
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(**({"url": "/v1/ws"} | shown)):
            pytest.fail("let in")
        statuses.append(refused.value.status_code)
    assert statuses == [401, 401, 401, 403, 401, 400, 401]
    assert calls == []

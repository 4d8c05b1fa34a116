"""The wire over plain ASGI: the whole application under a server that offers no wire of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.app import create_app
from api.broadcast.wire import Ending
from api.store.schema import migrate
from api.ws.asgi_wire import WAITING_FRAMES_MAX, AsgiWire
from config.settings import Settings

PASSWORD = "correct horse battery"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.chdir(tmp_path)  # no .env of the checkout
    settings = Settings(data_dir=tmp_path, rate_limits_enabled=False, log_format="json")
    migrate(settings.database_url)
    with TestClient(create_app(settings)) as made:
        yield made


def log_in(client: TestClient, username: str) -> str:
    account = {"username": username, "password": PASSWORD}
    assert client.post("/v1/auth/signup", json=account).status_code == 201
    return str(client.post("/v1/auth/login", data=account).json()["access_token"])


def connect(client: TestClient, token: str) -> Any:  # noqa: ANN401 - Starlette's session
    return client.websocket_connect("/v1/ws", headers={"Authorization": f"Bearer {token}"})


def test_two_people_talk(client: TestClient) -> None:
    ada, bob = log_in(client, "ada"), log_in(client, "bob")
    with connect(client, ada) as adas, connect(client, bob) as bobs:
        welcome = adas.receive_json()
        assert welcome["type"] == "welcome"
        assert bobs.receive_json()["type"] == "welcome"
        (room,) = welcome["rooms"]
        for number in range(100):
            adas.send_json({"type": "message.send", "id": f"c{number}", "room_id": room["id"], "body": f"{number}"})
        assert [adas.receive_json()["id"] for _ in range(100)] == [f"c{number}" for number in range(100)]
        assert [bobs.receive_json()["message"]["body"] for _ in range(100)] == [f"{number}" for number in range(100)]
        bobs.send_json({"type": "history.get", "id": "h", "room_id": room["id"], "after_seq": 0, "limit": 200})
        assert len(bobs.receive_json()["result"]["items"]) == 101


def test_a_refused_handshake_is_an_http_answer(client: TestClient) -> None:
    answer = client.get("/v1/ws")
    assert answer.status_code == 426, "no upgrade was asked for"
    with pytest.raises(WebSocketDenialResponse) as refused, connect(client, "junk"):
        pytest.fail("let in")
    response = refused.value
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"
    assert response.headers["www-authenticate"] == "Bearer"


def test_faults_are_answered_and_too_many_of_them_close_it(client: TestClient) -> None:
    with connect(client, log_in(client, "ada")) as adas:
        adas.receive_json()
        adas.send_bytes(b"\x00")
        assert adas.receive_json()["code"] == "invalid_frame"
        for _ in range(19):
            adas.send_text("hello")
            assert adas.receive_json()["code"] == "invalid_frame"
        with pytest.raises(WebSocketDisconnect) as closed:
            adas.receive_json()
    assert (closed.value.code, closed.value.reason) == (4501, "too_many_errors")


def test_a_logout_closes_it(client: TestClient) -> None:
    token = log_in(client, "ada")
    with connect(client, token) as adas:
        adas.receive_json()
        assert client.post("/v1/auth/logout", headers={"Authorization": f"Bearer {token}"}).status_code == 204
        with pytest.raises(WebSocketDisconnect) as closed:
            adas.receive_json()
    assert (closed.value.code, closed.value.reason) == (4500, "session_revoked")


def test_who_goes_gives_his_place_back(client: TestClient) -> None:
    token = log_in(client, "ada")
    for _ in range(15):  # one may have ten at once
        with connect(client, token) as adas:
            adas.receive_json()


class Peer:
    """The server's side of a socket: what the wire sends, and what it is told."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.may_send = asyncio.Event()
        self.may_send.set()
        scope = {"type": "websocket", "headers": [], "path": "/"}
        self.socket = WebSocket(scope, self.incoming.get, self._send)
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.told: list[tuple[Any, ...]] = []
        self.lost: asyncio.Event = asyncio.Event()

    async def _send(self, message: Message) -> None:
        await self.may_send.wait()
        self.sent.append(message)

    def frame_received(self, data: bytes, *, text: bool) -> None:
        self.told.append(("frame", data, text))

    def pong_received(self) -> None:
        self.told.append(("pong",))

    def writable_again(self) -> None:
        self.told.append(("writable",))

    def connection_lost(self, ending: Ending) -> None:
        self.told.append(("lost", *ending))
        self.lost.set()

    async def wire(self) -> tuple[AsgiWire, asyncio.Task[None]]:
        await self.socket.accept()
        self.sent.clear()
        made = AsgiWire(self.socket)
        made.start(self)
        return made, asyncio.create_task(made.run())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_frames_go_out_in_order_and_the_sink_hears_when_all_are_gone() -> None:
    peer = Peer()
    wire, running = await peer.wire()
    peer.may_send.clear()
    wire.write([b"%d" % number for number in range(WAITING_FRAMES_MAX + 1)])
    writable = [wire.is_writable]
    peer.may_send.set()
    await settle()
    async with asyncio.timeout(5):
        while len(peer.sent) <= WAITING_FRAMES_MAX:
            await settle()
    writable.append(wire.is_writable)
    assert writable == [False, True]
    assert [message["text"] for message in peer.sent] == [str(number) for number in range(WAITING_FRAMES_MAX + 1)]
    assert ("writable",) in peer.told
    wire.abort()
    await running


async def test_nothing_is_read_while_reading_is_paused() -> None:
    peer = Peer()
    wire, running = await peer.wire()
    wire.pause_reading()
    peer.incoming.put_nowait({"type": "websocket.receive", "text": "one"})
    peer.incoming.put_nowait({"type": "websocket.receive", "bytes": b"two"})
    await settle()
    assert peer.told == []
    wire.resume_reading()
    await settle()
    assert peer.told == [("frame", b"one", True), ("frame", b"two", False)]
    wire.abort()
    await running


async def test_the_close_goes_behind_what_was_written_and_its_code_is_the_outcome() -> None:
    peer = Peer()
    wire, running = await peer.wire()
    wire.write([b"last"])
    wire.close(4001, "draining", 60.0)
    await settle()
    assert peer.sent[0]["text"] == "last"
    assert peer.sent[1] == {"type": "websocket.close", "code": 4001, "reason": "draining"}
    peer.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await running
    assert peer.told[-1] == ("lost", 4001, "draining", "server")


async def test_a_peer_that_takes_nothing_is_left_after_the_grace() -> None:
    peer = Peer()
    wire, running = await peer.wire()
    peer.may_send.clear()
    wire.write([b"never"])
    wire.close(4003, "slow_consumer", 0.01)
    async with asyncio.timeout(5):
        await running
    assert peer.told[-1] == ("lost", 4003, "slow_consumer", "server")


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ({"type": "websocket.disconnect", "code": 1001, "reason": "going"}, (1001, "going", "client")),
        ({"type": "websocket.disconnect"}, (1006, "", "nobody")),
        ({"type": "websocket.disconnect", "code": None, "reason": None}, (1006, "", "nobody")),
    ],
)
async def test_a_peer_that_goes_is_told_once(message: Message, outcome: tuple[int, str, str]) -> None:
    peer = Peer()
    _wire, running = await peer.wire()
    peer.incoming.put_nowait(message)
    async with asyncio.timeout(5):
        await running
    assert [told for told in peer.told if told[0] == "lost"] == [("lost", *outcome)]


async def test_pings_are_the_servers_own_affair() -> None:
    peer = Peer()
    wire, running = await peer.wire()
    wire.ping()
    assert peer.told == [("pong",)]
    wire.abort()
    await running

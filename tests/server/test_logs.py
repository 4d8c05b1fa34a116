"""The log as operators read it: who is on, what was refused, what went wrong; and nothing that is nobody's business."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from datetime import UTC, datetime
from itertools import pairwise

from api.log_events import CATALOGUE
from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import fresh_password, fresh_username, http_client, login, signup
from tests.support.raw import exchange, handshake
from tests.support.server import CANARY, ServerProcess


def check_catalogue(server: ServerProcess) -> None:
    """Assert that each line has what every line has, and of the rest only what the catalogue says."""
    always = {"timestamp", "level", "event", "node_id"}
    context = {"request_id", "connection_id", "user_id"}
    node_ids = set()
    for line in server.logs():
        assert always <= line.keys(), line
        assert line["event"] in CATALOGUE, f"{line['event']} is not in the catalogue"
        assert line.keys() <= always | context | set(CATALOGUE[line["event"]].fields), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)", line["timestamp"]), line
        assert abs((datetime.now(UTC) - datetime.fromisoformat(line["timestamp"])).total_seconds()) < 120
        assert line["level"] in {"debug", "info", "warning", "error", "critical"}
        node_ids.add(line["node_id"])
    assert len(node_ids) == 1
    events = [line["event"] for line in server.logs()]
    assert {"node.started", "node.draining", "node.stopped"} <= set(events)
    assert {"ws.connected", "ws.disconnected", "ws.refused", "http.request", "auth.logged_out"} <= set(events)
    stats = server.find_logs("node.stats")[-1]
    assert set(CATALOGUE["node.stats"].fields) <= stats.keys()
    assert events[-1] == "node.stopped"


async def test_a_connection_leaves_a_line_at_its_begin_and_one_at_its_end(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    connection_id = socket.welcome["connection_id"]
    begin = await ada.server.wait_for_log("ws.connected", connection_id=connection_id)
    assert (begin["user_id"], begin["client"], begin["auth"]) == (ada.id, "127.0.0.1", "header")
    assert begin["rooms"] == 1
    for _ in range(3):
        await socket.ok("ping")
    await socket.close()
    end = await ada.server.wait_for_log("ws.disconnected", connection_id=connection_id)
    assert (end["user_id"], end["code"]) == (ada.id, 1000)
    assert end["seconds"] >= 0
    assert end["frames_in"] >= 3
    assert end["frames_out"] >= 4
    assert end["bytes_in"] >= 3 * len('{"type": "ping", "id": "c1"}')
    assert end["bytes_out"] > end["bytes_in"]
    assert len(ada.server.find_logs("ws.disconnected", connection_id=connection_id)) == 1


async def test_a_request_leaves_exactly_one_line(person: MakePerson) -> None:
    ada = await person()
    for path, status in (("/v1/users/me", 200), ("/v1/users?username=canary", 200), ("/nothing?a=canary", 404)):
        request_id = f"line-{secrets.token_hex(8)}"
        response = await ada.http.get(path, headers={"X-Request-ID": request_id})
        assert response.status_code == status
        line = await ada.server.wait_for_log("http.request", request_id=request_id)
        assert (line["method"], line["path"], line["status"]) == ("GET", path.partition("?")[0], status)
        assert line["client"] == "127.0.0.1"
        assert 0 <= line["ms"] < 10_000
        assert len(ada.server.find_logs("http.request", request_id=request_id)) == 1
        if status == 200:
            assert line["user_id"] == ada.id


async def test_accounts_leave_lines_by_which_an_attack_is_seen(server: ServerProcess) -> None:
    name, password = fresh_username(), fresh_password()
    async with http_client(server) as http:
        user = done(await signup(http, name, password), status=201)
        assert (await login(http, name, password)).status_code == 200
        assert (await login(http, name, fresh_password())).status_code == 401
        unknown = fresh_username()
        assert (await login(http, unknown, password)).status_code == 401
    signed_up = await server.wait_for_log("auth.signed_up", user_id=user["id"])
    assert (signed_up["username"], signed_up["client"]) == (name, "127.0.0.1")
    assert (await server.wait_for_log("auth.logged_in", user_id=user["id"]))["session_id"]
    assert (await server.wait_for_log("auth.login_failed", username=name))["reason"] == "wrong_password"
    assert (await server.wait_for_log("auth.login_failed", username=unknown))["reason"] == "unknown_user"


async def test_every_10_seconds_a_line_has_the_totals(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for number in range(5):
        await socket.ok("message.send", room_id=room["id"], body=f"{CANARY} {number}")
    before = len(ada.server.find_logs("node.stats"))
    deadline = time.monotonic() + 12
    while len(lines := ada.server.find_logs("node.stats")) == before:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    line = lines[-1]
    assert line["connections"] >= 1
    assert line["messages"] >= 5
    assert line["commits"] >= 1
    assert line["commit_ms_p50"] > 0
    assert line["loop_lag_ms"] >= 0
    assert line["rooms"] >= 2
    (started,) = ada.server.find_logs("node.started")
    times = [datetime.fromisoformat(record["timestamp"]) for record in [started, *lines]]
    for earlier, later in pairwise(times):
        assert 9 < (later - earlier).total_seconds() < 13


async def test_a_log_holds_what_the_catalogue_says_and_nothing_that_a_client_keeps_to_himself(
    make_server: MakeServer, person: MakePerson, make_room: MakeRoom
) -> None:
    """The canary is everywhere that a client can write; every server of the tests is checked for it at its end."""
    server = make_server(LOG_LEVEL="debug")
    ada = await person(server=server)
    room = await make_room(ada, name=f"room {secrets.token_hex(4)}", topic="plain")
    json_type = {"Content-Type": "application/json"}
    bodies = [
        f'{{"{CANARY}": 1}}',
        f'{{"body": "{CANARY}"',
        f'{{"body": ["{CANARY}"]}}',
        f'{{"body": "{CANARY} \\ud800"}}',
    ]
    for body in bodies:
        await ada.http.post(f"/v1/rooms/{room['id']}/messages", content=body, headers=json_type)
        await ada.http.post("/v1/auth/signup", content=body, headers=json_type)
    await ada.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": CANARY}, headers={"Idempotency-Key": "k"})
    await ada.http.get("/v1/users", params={"username": f"{CANARY}-name"})
    await ada.http.get(f"/v1/rooms?cursor={CANARY}&limit={CANARY}")
    await ada.http.get("/v1/users/me", headers={"Authorization": f"Basic {CANARY}", "Cookie": f"session={CANARY}"})
    for target in (f"/v1/ws?ticket={CANARY}", f"/v1/ws?token={ada.access_token}", f"/v1/ws?{CANARY}", f"/x?{CANARY}"):
        await handshake(server, target=target)
    await handshake(server, ("Sec-WebSocket-Protocol", f"chat.v1, bearer.{CANARY}"))
    await handshake(server, ("Sec-WebSocket-Protocol", f"bearer.{ada.access_token}"))
    await handshake(server, ("Cookie", f"token={CANARY}"), token=CANARY)
    await exchange(server, f"GET /v1/ws?ticket={CANARY} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n".encode())
    socket = await ada.connect(by="ticket")
    for raw in (CANARY, f'["{CANARY}"]', f'{{"type": "ping", "id": "c", "{CANARY}": 1}}', CANARY.encode()):
        await socket.send_raw(raw)
        await socket.next("error")
    await socket.error(f"{CANARY}.type")
    await socket.error("token.refresh", access_token=CANARY)
    await socket.ok("message.send", room_id=room["id"], body=CANARY, idempotency_key="k2")
    await ada.http.post("/v1/auth/logout")
    await socket.closed()
    assert server.terminate() == 0
    server.check_logs()
    check_catalogue(server)


async def test_a_clients_text_in_a_field_is_cut_and_cannot_break_the_line(server: ServerProcess) -> None:
    hostile = '"}\n{"event": "forged.line", "level": "error"}\r\n\x1b[31m\u2028' + "x" * 2_000
    async with http_client(server) as http:
        await login(http, hostile, "correct horse battery")
        await http.get("/v1/" + "y" * 3_000)
        await http.get("/healthz", headers={"User-Agent": "z" * 3_000, "Origin": "o" * 3_000})
        await handshake(server, ("User-Agent", "z" * 3_000), ("Origin", "https://" + "o" * 3_000))
    assert [line for line in server.find_logs("http.request", status=404) if line["path"].startswith("/v1/" + "y" * 99)]
    for record in server.logs():
        assert record["event"] != "forged.line"
        for value in record.values():
            assert not isinstance(value, str) or len(value) <= 256 or record["event"] == "server.log", record
        json.dumps(record)

"""The log as operators read it: who is on, what was refused, what went wrong; and nothing that is nobody's business."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import signal
import time
from datetime import UTC, datetime
from itertools import pairwise

from api.log_events import CATALOGUE
from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import fresh_password, fresh_username, http_client, login, signup
from tests.support.problems import check_problem
from tests.support.raw import exchange, handshake, read_response
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
    assert (end["user_id"], end["code"], end["ended_by"]) == (ada.id, 1000, "client")
    assert end["seconds"] >= 0
    assert end["frames_in"] >= 3
    assert end["frames_out"] >= 4
    assert end["bytes_in"] >= 3 * len('{"type": "ping", "id": "c1"}')
    assert end["bytes_out"] > end["bytes_in"]
    assert len(ada.server.find_logs("ws.disconnected", connection_id=connection_id)) == 1


async def test_the_end_of_a_connection_tells_who_ended_it(person: MakePerson) -> None:
    """A client may send any close code, also one of the server's."""
    ada = await person()
    sockets = [await ada.connect() for _ in range(3)]
    liar, lost, sent_away = sockets
    await liar.connection.close(4003, "slow_consumer")
    await lost.cut()
    await ada.http.post("/v1/auth/logout")
    assert await sent_away.closed() == (4500, "session_revoked")
    ends = []
    for socket in sockets:
        connection_id = socket.welcome["connection_id"]
        end = await ada.server.wait_for_log("ws.disconnected", connection_id=connection_id)
        ends.append((end["code"], end["reason"], end["ended_by"]))
    assert ends == [
        (4003, "slow_consumer", "client"),
        (1006, "", "nobody"),
        (4500, "session_revoked", "server"),
    ]


async def test_bytes_that_are_no_http_leave_a_line_with_their_senders_address(server: ServerProcess) -> None:
    before = len(server.find_logs("http.refused"))
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET  HTTP/9.9\r\n\r\n", b"hello\r\n\r\n"):
        assert (await exchange(server, garbage)).status_code == 400
    upgrade = "Host: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n"
    assert (await exchange(server, f"GET /healthz HTTP/1.1\r\n{upgrade}\r\n".encode())).status_code == 200
    lines = server.find_logs("http.refused")[before:]
    assert [(line["code"], line["status"], line["client"]) for line in lines] == [("bad_request", 400, "127.0.0.1")] * 3
    assert not [line for line in server.find_logs("server.log") if line["level"] != "info"]


async def test_a_request_that_never_ends_is_given_up_without_a_word_of_a_fault(make_server: MakeServer) -> None:
    server = make_server()
    head = b"POST /v1/auth/signup HTTP/1.1\r\nHost: x\r\nX-Request-ID: half-a-body\r\nContent-Length: 9\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head + b"{")
    await exchange(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # so that the other one has arrived
    server.signal(signal.SIGTERM)
    response = await read_response(reader)
    assert check_problem(response, 503, "draining")["request_id"] == "half-a-body"
    writer.close()
    assert await server.wait_for_exit() == 0
    (line,) = server.find_logs("http.request", request_id="half-a-body")
    assert line["status"] == 503, "what was answered"
    assert server.find_logs("http.refused") == [], "one line is enough"
    assert not [line for line in server.find_logs("server.log") if line["level"] != "info"]


async def test_a_request_whose_body_is_no_http_leaves_one_line_of_what_was_answered(server: ServerProcess) -> None:
    head = b"POST /v1/auth/signup HTTP/1.1\r\nHost: x\r\nX-Request-ID: bad-chunks\r\nTransfer-Encoding: chunked\r\n\r\n"
    before = len(server.find_logs("http.refused"))
    response = await exchange(server, head + b"no size\r\n")
    assert check_problem(response, 400, "bad_request")["request_id"] == "bad-chunks"
    line = await server.wait_for_log("http.request", request_id="bad-chunks")
    assert line["status"] == 400
    assert len(server.find_logs("http.refused")) == before


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
    assert server.find_logs("http.request", status=404, path="/v1/…")
    for record in server.logs():
        assert record["event"] != "forged.line"
        for value in record.values():
            assert not isinstance(value, str) or len(value) <= 256 or record["event"] == "server.log", record
        json.dumps(record)

"""SIGTERM: clients are sent away in turns, nothing acknowledged is lost, the process ends with 0."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.server.conversation import done, log_of
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import http_client
from tests.support.problems import check_problem
from tests.support.raw import RawSocket, handshake, upgrade_request
from tests.support.server import CANARY

SOCKETS = 300
DRAIN_SECONDS = 4


@pytest.mark.wire("close 4001")
@pytest.mark.wire("server.draining")
@pytest.mark.wire("draining")
@pytest.mark.wire("GET /readyz")
async def test_a_draining_node_refuses_newcomers_and_sends_everybody_away_in_turns(
    make_server: MakeServer, person: MakePerson
) -> None:
    server = make_server(DRAIN_SECONDS=str(DRAIN_SECONDS), MAX_CONNECTIONS_PER_USER=str(SOCKETS))
    ada = await person(server=server)
    sockets: list[RawSocket] = []
    for _ in range(SOCKETS // 50):
        sockets += await asyncio.gather(*(RawSocket.open(server, ada.access_token) for _ in range(50)))
    for socket in sockets:
        await socket.text("welcome")
    begin = time.monotonic()
    server.signal(signal.SIGTERM)

    async def leave(socket: RawSocket) -> tuple[float, int]:
        draining = await socket.text("server.draining", timeout_s=DRAIN_SECONDS + 2)
        assert draining.keys() == {"type", "reconnect_after_ms"}
        assert await socket.closed() == (4001, "draining")
        socket.close()
        return time.monotonic() - begin, draining["reconnect_after_ms"]

    leaving = asyncio.gather(*(leave(socket) for socket in sockets))
    await server.wait_for_log("node.draining", connections=SOCKETS)
    refusal = await handshake(server, token=ada.access_token)
    ticket = await ada.http.post("/v1/auth/ws-ticket")
    async with http_client(server) as http:
        ready, health = await http.get("/readyz"), await http.get("/healthz")

    for refused in (refusal, ticket):
        assert check_problem(refused, 503, "draining")["retry_after_ms"] > 0
        assert int(refused.headers["Retry-After"]) >= 1
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert health.status_code == 200

    ends, waits = zip(*await leaving, strict=True)
    assert max(ends) <= DRAIN_SECONDS + 1
    assert max(ends) - min(ends) > 0.5, "in turns, not in one moment"
    assert all(0 <= wait <= 60_000 for wait in waits)
    assert len(set(waits)) > SOCKETS / 10, "they would all come back in one moment"
    assert await server.wait_for_exit() == 0
    assert time.monotonic() - begin < DRAIN_SECONDS + 5
    assert server.find_logs("node.stopped")
    assert server.find_logs("node.stats"), "the last totals"


async def test_an_interrupt_drains_as_well_and_few_clients_are_gone_at_once(
    make_server: MakeServer, person: MakePerson
) -> None:
    server = make_server()
    ada = await person(server=server)
    socket = await ada.connect()
    login = asyncio.create_task(ada.login())
    await asyncio.sleep(0.01)  # hashing takes longer
    begin = time.monotonic()
    server.signal(signal.SIGINT)
    assert await socket.closed() == (4001, "draining")
    assert (await login)["token_type"] == "bearer", "a request under way is answered"
    assert await server.wait_for_exit() == 0
    assert time.monotonic() - begin < 5


async def test_who_never_reads_holds_no_drain_up(make_server: MakeServer, person: MakePerson) -> None:
    server = make_server(DRAIN_SECONDS="1", STALL_SECONDS="2")
    ada = await person(server=server)
    stalled = [await RawSocket.open(server, ada.access_token, receive_buffer=4096) for _ in range(3)]
    half = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
    half[0][1].write(upgrade_request(server)[:40])
    server.signal(signal.SIGTERM)
    assert await server.wait_for_exit(timeout_s=12) == 0
    for socket in stalled:
        socket.close()
    for _, writer in half:
        writer.close()


async def test_what_was_acknowledged_before_the_drain_is_there_after_a_restart(
    make_server: MakeServer, person: MakePerson, make_room: MakeRoom
) -> None:
    server = make_server(DRAIN_SECONDS="1")
    ada = await person(server=server)
    room = await make_room(ada)
    socket = await ada.connect()
    for number in range(300):
        await socket.post("message.send", room_id=room["id"], body=f"{CANARY} {number}", idempotency_key=f"k{number}")
        if number == 150:
            server.signal(signal.SIGTERM)
            await asyncio.sleep(0)
    code, _ = await socket.closed(timeout_s=10)
    assert code == 4001
    assert await server.wait_for_exit() == 0
    acked = [frame["result"]["message"] for frame in socket.inbox if frame["type"] == "ack"]
    assert acked

    server.restart()
    messages = {
        event["message"]["idempotency_key"]: event["message"]
        for event in await log_of(ada, room)
        if event["type"] == "message.created"
    }
    assert [messages[message["idempotency_key"]] for message in acked] == acked
    assert done(await ada.http.get("/v1/users/me")) == ada.user, "sessions live on"

"""How many sockets there may be: of one user, and in all."""

from __future__ import annotations

import asyncio
import struct
import time

import pytest

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import Person
from tests.support.problems import check_problem
from tests.support.raw import Opcode, RawSocket, handshake
from tests.support.server import ServerProcess

pytestmark = pytest.mark.wire("connection_limit")


@pytest.fixture
def small(server_with: MakeServer) -> ServerProcess:
    """Give a server that takes two sockets of a user."""
    return server_with(MAX_CONNECTIONS_PER_USER="2")


async def wait_until_taken(person: Person, timeout_s: float) -> RawSocket:
    """Ask again and again until a socket is given, which must be so before the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        if (await person.http.post("/v1/auth/ws-ticket")).status_code == 201:
            return await RawSocket.open(person.server, person.access_token)
        assert time.monotonic() < deadline, "a lost connection still counts"
        await asyncio.sleep(0.05)


async def test_a_user_has_so_many_sockets_over_all_sessions_and_others_their_own(
    small: ServerProcess, person: MakePerson
) -> None:
    ada, eve = await person(server=small), await person(server=small)
    other = await ada.second_session()
    first, second = await ada.connect(), await other.connect()
    for asking in (ada, other):
        answer = await handshake(small, token=asking.access_token)
        assert check_problem(answer, 429, "connection_limit")["retryable"] is True
    await small.wait_for_log("ws.refused", code="connection_limit", user_id=ada.id)
    assert await (await eve.connect()).ok("ping")
    assert await first.ok("ping")
    assert await second.ok("ping")


async def test_the_node_has_so_many_sockets_in_all(make_server: MakeServer, person: MakePerson) -> None:
    server = make_server(MAX_CONNECTIONS="3")
    ada, eve, zoe = await person(server=server), await person(server=server), await person(server=server)
    sockets = [await ada.connect(), await ada.connect(), await eve.connect()]
    check_problem(await handshake(server, token=zoe.access_token), 429, "connection_limit")
    check_problem(await zoe.http.post("/v1/auth/ws-ticket"), 429, "connection_limit")
    assert done(await zoe.http.get("/v1/users/me")) == zoe.user, "REST goes on"
    await sockets[0].close()
    (await wait_until_taken(zoe, timeout_s=1)).close()


async def test_a_closed_socket_stops_counting_at_once(small: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=small)
    for _ in range(10):
        sockets = [await wait_until_taken(ada, timeout_s=1) for _ in range(2)]
        for socket in sockets:
            await socket.send_frame(Opcode.CLOSE, struct.pack("!H", 1000))
            assert (await socket.closed())[0] == 1000
            socket.close()


async def test_a_lost_connection_stops_counting_within_five_seconds(small: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=small)
    for socket in [await ada.connect(), await ada.connect()]:
        await socket.cut()
    (await wait_until_taken(ada, timeout_s=5)).close()


async def test_refused_handshakes_do_not_count(small: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=small)
    for _ in range(5):
        check_problem(await handshake(small, token="x"), 401, "invalid_token")
        foreign = await handshake(small, ("Origin", "https://evil.example"), token=ada.access_token)
        check_problem(foreign, 403, "origin_not_allowed")
    assert await (await ada.connect()).ok("ping")
    assert await (await ada.connect()).ok("ping")


async def test_of_many_handshakes_at_once_no_more_than_allowed_come_through(
    small: ServerProcess, person: MakePerson
) -> None:
    ada = await person(server=small)

    async def attempt() -> RawSocket | None:
        try:
            return await RawSocket.open(small, ada.access_token)
        except AssertionError:
            return None

    sockets = [socket for socket in await asyncio.gather(*(attempt() for _ in range(12))) if socket is not None]
    assert len(sockets) == 2
    for socket in sockets:
        socket.close()

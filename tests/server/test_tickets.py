"""Tickets: what a browser that cannot set headers shows at the handshake, once."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from jose import jwt

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import Person
from tests.support.problems import check_problem
from tests.support.raw import RawSocket, handshake, upgrade_request
from tests.support.server import ServerProcess
from tests.support.timestamps import seconds

pytestmark = pytest.mark.wire("POST /v1/auth/ws-ticket")


async def upgrade(person: Person, ticket: str) -> httpx2.Response:
    """Ask for an upgrade with this ticket alone."""
    return await handshake(person.server, target=f"/v1/ws?ticket={ticket}")


async def test_a_ticket_opens_one_socket_with_the_session_and_the_end_of_its_token(person: MakePerson) -> None:
    ada = await person()
    response = await ada.http.post("/v1/auth/ws-ticket")
    answer = done(response, status=201)
    assert answer.keys() == {"ticket", "expires_in"}
    assert answer["expires_in"] == 30
    assert response.headers["Cache-Control"] == "no-store"
    ada.server.keep_secret(answer["ticket"])

    socket = await ada.connect(by="ticket")
    assert socket.welcome["user"] == ada.user
    exp = jwt.get_unverified_claims(ada.access_token)["exp"]
    assert seconds(socket.welcome["token_expires_at"]) == exp


@pytest.mark.wire("invalid_ticket")
async def test_a_ticket_works_once(person: MakePerson) -> None:
    ada = await person()
    ticket = await ada.ticket()
    assert (await upgrade(ada, ticket)).status_code == 101
    check_problem(await upgrade(ada, ticket), 401, "invalid_ticket")


@pytest.mark.wire("invalid_ticket")
async def test_of_20_upgrades_at_once_with_one_ticket_exactly_one_comes_through(person: MakePerson) -> None:
    ada = await person()
    ticket = await ada.ticket()
    request = upgrade_request(ada.server, f"/v1/ws?ticket={ticket}")
    links = [await asyncio.open_connection("127.0.0.1", ada.server.port) for _ in range(20)]
    for _, writer in links:
        writer.write(request)
    heads = await asyncio.gather(*(reader.readuntil(b"\r\n") for reader, _ in links))
    assert sorted(head.split()[1] for head in heads) == [b"101"] + [b"401"] * 19
    for _, writer in links:
        writer.close()


@pytest.mark.wire("invalid_ticket")
@pytest.mark.parametrize("ticket", ["", "x", "0" * 43, "%00", "%ff%fe", "x" * 4_000, "a%20b", "../x"])
async def test_a_ticket_that_was_never_given_is_invalid(person: MakePerson, ticket: str) -> None:
    ada = await person()
    response = await upgrade(ada, ticket)
    # Whether an empty parameter is a ticket or none is a matter of taste.
    code = response.json()["code"] if ticket == "" else "invalid_ticket"
    check_problem(response, 401, code)
    assert code in {"invalid_ticket", "missing_token"}


@pytest.mark.wire("invalid_ticket")
async def test_a_ticket_ends_in_time(short_lived: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=short_lived)
    ticket = await ada.ticket()
    await asyncio.sleep(2.1)  # the ticket's whole life, whatever part of a second it began in
    check_problem(await upgrade(ada, ticket), 401, "invalid_ticket")


async def test_a_ticket_is_no_token_and_a_token_no_ticket(person: MakePerson) -> None:
    ada = await person()
    check_problem(await upgrade(ada, ada.access_token), 401, "invalid_ticket")
    check_problem(await upgrade(ada, ada.refresh_token), 401, "invalid_ticket")
    check_problem(await handshake(ada.server, token=await ada.ticket()), 401, "invalid_token")


async def test_no_other_query_parameter_is_a_credential(person: MakePerson) -> None:
    ada = await person()
    for name in ("token", "access_token", "jwt", "Ticket", "authorization", "bearer"):
        answer = await handshake(ada.server, target=f"/v1/ws?{name}={ada.access_token}")
        check_problem(answer, 401, "missing_token")


async def test_the_ticket_endpoint_says_what_the_handshake_would(server_with: MakeServer, person: MakePerson) -> None:
    server = server_with(MAX_CONNECTIONS_PER_USER="2")
    ada = await person(server=server)
    foreign = await ada.http.post("/v1/auth/ws-ticket", headers={"Origin": "https://evil.example"})
    check_problem(foreign, 403, "origin_not_allowed")

    sockets = [await RawSocket.open(server, ada.access_token) for _ in range(2)]
    check_problem(await ada.http.post("/v1/auth/ws-ticket"), 429, "connection_limit")
    for socket in sockets:
        socket.close()


async def test_a_ticket_needs_a_user(person: MakePerson) -> None:
    ada = await person()
    del ada.http.headers["Authorization"]
    check_problem(await ada.http.post("/v1/auth/ws-ticket"), 401, "missing_token")

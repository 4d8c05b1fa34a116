"""Handshakes that no parser can read, and clients that do not wait for the answer: no trouble then, none later."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.support.fixtures import MakeServer, TokenOf
from tests.support.problems import check_problem
from tests.support.raw import RawSocket, exchange, upgrade_request
from tests.support.server import ServerProcess

UNREADABLE = {
    "with a body": ([("Content-Length", "5")], b"hello", 400, "bad_request"),
    "with a long header line": ([("X-Long", "x" * 9000)], b"", 431, "too_large"),
    "with many headers": ([(f"X-{number}", "x") for number in range(130)], b"", 431, "too_large"),
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_an_unreadable_handshake_is_answered_at_once_and_logged(server: ServerProcess, what: str) -> None:
    headers, body, status, code = UNREADABLE[what]
    async with asyncio.timeout(5):
        response = await exchange(server, upgrade_request(server, headers=headers) + body)
    document = check_problem(response, status, code)
    await server.wait_for_log("ws.refused", request_id=document["request_id"], status=status)


async def test_unreadable_handshakes_do_not_spoil_the_end_of_the_server(make_server: MakeServer) -> None:
    server = make_server()
    sockets = []
    for headers, body, _status, _code in UNREADABLE.values():
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(upgrade_request(server, headers=headers) + body)
        await writer.drain()
        await reader.readline()
        sockets.append(writer)
    assert await asyncio.to_thread(server.terminate) == 0
    for writer in sockets:
        writer.close()


async def test_clients_that_leave_in_the_middle_of_a_handshake_are_no_error_and_hold_no_place(
    server: ServerProcess, token_of: TokenOf
) -> None:
    """Anybody can do that, with a token or without, and as often as he likes."""
    begin = len(server.logs())
    for number in range(120):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        token = token_of(server) if number % 2 else "none"
        writer.write(upgrade_request(server, headers=[("Authorization", f"Bearer {token}")]))
        await asyncio.sleep(number % 12 * 0.0005)  # they leave at different steps of it
        writer.transport.abort()
        del reader
    sockets: list[RawSocket] = []
    async with asyncio.timeout(10):
        while len(sockets) < 10:  # as many as one user may have
            with contextlib.suppress(AssertionError):  # a lost one counts a little longer
                sockets.append(await RawSocket.open(server, token_of(server)))
    for socket in sockets:
        socket.close()
    assert [line for line in server.logs()[begin:] if line["level"] == "error"] == []

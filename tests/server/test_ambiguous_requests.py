"""Requests that two readers would read differently: a proxy and this server must agree about where one ends."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.support.fixtures import TokenOf
from tests.support.problems import check_problem
from tests.support.raw import SECONDS, exchange, upgrade_request
from tests.support.server import ServerProcess

SMUGGLED = "GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
# Each stands behind the request line and the Host.
BODIES = {
    "length and chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "the same length twice": "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": "Content-Length: 4, 4\r\n\r\nabcd",
    "a length with a sign": "Content-Length: +4\r\n\r\nabcd",
    "a length below nothing": "Content-Length: -1\r\n\r\n",
    "a length past 64 bits": "Content-Length: 99999999999999999999\r\n\r\n",
    "a length in hex": "Content-Length: 0x4\r\n\r\nabcd",
    "an unknown coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks that are not last": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a chunk size with a sign": "Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n",
    "a chunk size in C": "Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
    "a chunk size past 64 bits": "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n0\r\n\r\n",
    "a chunk longer than it says": "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "chunks with bare LF": "Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n",
    "a chunk extension with bare LF": "Transfer-Encoding: chunked\r\n\r\n2;x\nab\r\n0\r\n\r\n",
    "a folded line": "X-Long: a\r\n b\r\n\r\n",
    "a folded coding": "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a bare LF between lines": "X-A: a\nX-B: b\r\n\r\n",
    "a bare CR between lines": "X-A: a\rX-B: b\r\n\r\n",
    "a bare LF at the end": "X-A: a\r\n\n",
    "a line without a colon": "X-A\r\n\r\n",
    "a line without a name": ": a\r\n\r\n",
    "a null character": "X-A: a\0b\r\n\r\n",
    "a control character": "X-A: a\x01b\r\n\r\n",
}
LINES = {
    "bare LF": "POST /v1/rooms HTTP/1.1\nHost: x\n\n",
    "a folded first line": "POST /v1/rooms HTTP/1.1\r\n Host: x\r\n\r\n",
    "another version": "POST /v1/rooms HTTP/1.2\r\nHost: x\r\n\r\n",
    "no version": "POST /v1/rooms\r\n\r\n",
    "no path": "POST  HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown method": "post /v1/rooms HTTP/1.1\r\nHost: x\r\n\r\n",
    "a byte past ASCII in the path": "POST /v1/r\xffms HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank in the path": "POST /v1/rooms HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


async def answers(server: ServerProcess, request: str) -> list[bytes]:
    """Send this, and a request behind it; give the statuses of all answers up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        async with asyncio.timeout(SECONDS):
            writer.write((request + SMUGGLED).encode("latin-1"))
            return re.findall(rb"HTTP/1\.1 (\d{3}) ", await reader.read())
    except ConnectionResetError:
        return []
    finally:
        writer.close()


@pytest.mark.parametrize("how", BODIES)
async def test_a_request_without_one_clear_end_is_refused_for_good(
    server: ServerProcess, token_of: TokenOf, how: str
) -> None:
    head = f"POST /v1/rooms HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {token_of(server)}\r\n"
    assert await answers(server, head + BODIES[how]) == [b"400"]


@pytest.mark.parametrize("how", LINES)
async def test_what_is_no_request_is_refused_and_ends_the_connection(server: ServerProcess, how: str) -> None:
    assert await answers(server, LINES[how]) == [b"400"]


async def test_two_requests_in_one_write_are_two_requests(server: ServerProcess) -> None:
    """Without this the refusals above would prove nothing."""
    first = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert await answers(server, first + last) == [b"200", b"200"]


HOSTS = {
    "none": [],
    "nothing": [""],
    "two": ["127.0.0.1:PORT", "evil.example"],
    "the same twice": ["127.0.0.1:PORT", "127.0.0.1:PORT"],
    "a path": ["127.0.0.1:PORT/healthz?"],
    "a user": ["127.0.0.1:PORT@evil.example"],
    "a list": ["127.0.0.1:PORT, evil.example"],
}


@pytest.mark.wire("bad_request")
@pytest.mark.parametrize("how", HOSTS)
async def test_a_request_or_a_handshake_for_no_host_is_refused(
    server: ServerProcess, token_of: TokenOf, how: str
) -> None:
    hosts = [host.replace("PORT", str(server.port)) for host in HOSTS[how]]
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    token = token_of(server)
    request = f"GET /v1/users/me HTTP/1.1\r\n{lines}Authorization: Bearer {token}\r\n\r\n"
    check_problem(await exchange(server, request.encode()), 400, "bad_request")
    upgrade = upgrade_request(server, headers=[("Authorization", f"Bearer {token}")])
    named = f"Host: 127.0.0.1:{server.port}\r\n".encode()
    assert named in upgrade
    check_problem(await exchange(server, upgrade.replace(named, lines.encode())), 400, "bad_request")


@pytest.mark.wire("bad_request")
@pytest.mark.parametrize("order", ["the good one first", "the good one last"])
async def test_two_tokens_are_one_too_many_at_both_doors(server: ServerProcess, token_of: TokenOf, order: str) -> None:
    tokens = [f"Bearer {token_of(server)}", "Bearer other"]
    if order == "the good one last":
        tokens.reverse()
    headers = [("Authorization", token) for token in tokens]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    request = f"GET /v1/users/me HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{lines}\r\n"
    check_problem(await exchange(server, request.encode()), 400, "bad_request")
    check_problem(await exchange(server, upgrade_request(server, headers=headers)), 400, "bad_request")

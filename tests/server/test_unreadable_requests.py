"""What is no request, no handshake, or never comes to its end: a problem document, one line, and no connection more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time

import httpx2
import pytest

from tests.support.fixtures import MakeServer, TokenOf
from tests.support.people import http_client
from tests.support.problems import check_problem
from tests.support.raw import exchange, read_response, upgrade_request
from tests.support.server import ServerProcess

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

NO_HTTP = {
    "the hello of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "another protocol": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "another version": b"GET /healthz HTTP/7.0\r\n\r\n",
    "a header without a name": b"GET /healthz HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "two lengths": b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
}


@pytest.mark.wire("bad_request")
@pytest.mark.parametrize("what", NO_HTTP)
async def test_what_is_no_http_is_a_bad_request_and_one_line_in_the_log(server: ServerProcess, what: str) -> None:
    before = len(server.find_logs("server.log"))
    response = await exchange(server, NO_HTTP[what])
    document = check_problem(response, 400, "bad_request")
    assert response.headers["Connection"] == "close"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    line = await server.wait_for_log("http.refused", request_id=document["request_id"])
    assert (line["client"], line["status"]) == ("127.0.0.1", 400)
    assert len(server.find_logs("server.log")) == before, "no library speaks beside us"


@pytest.mark.wire("bad_request")
@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 426),
        ("Sec-WebSocket-Key", "X-Nothing", 400),
        ("Sec-WebSocket-Key: ", "Sec-WebSocket-Key: short", 400),
        ("GET", "POST", 400),
    ],
)
async def test_a_handshake_that_is_none_is_told_so(
    server: ServerProcess, token_of: TokenOf, old: str, new: str, status: int
) -> None:
    request = upgrade_request(server, headers=[("Authorization", f"Bearer {token_of(server)}")])
    response = await exchange(server, request.replace(old.encode(), new.encode()))
    check_problem(response, status, "bad_request")
    if status == 426:
        assert response.headers["Sec-WebSocket-Version"] == "13"
        assert response.headers["Upgrade"] == "websocket"


@pytest.mark.wire("method_not_allowed")
async def test_head_and_options_are_answered_and_allow_names_every_method(
    server: ServerProcess, token_of: TokenOf
) -> None:
    async with http_client(server, token_of(server)) as http:
        for path, allowed in (
            ("/v1/users/me", "GET, PATCH, DELETE, HEAD, OPTIONS"),
            ("/v1/rooms", "GET, POST, HEAD, OPTIONS"),
            ("/v1/auth/login", "POST, OPTIONS"),
            ("/healthz", "GET, HEAD, OPTIONS"),
            ("/docs", "GET, HEAD, OPTIONS"),
            ("/docs/swagger/swagger-ui.css", "GET, HEAD, OPTIONS"),
        ):
            refused = await http.request("TRACE", path)
            check_problem(refused, 405, "method_not_allowed")
            options = await http.options(path)
            assert (options.status_code, options.content) == (204, b"")
            assert refused.headers["Allow"] == options.headers["Allow"] == allowed, path
            head = await http.head(path)
            if "GET" in allowed:
                got = await http.get(path)
                assert (head.status_code, head.content) == (200, b"")
                assert head.headers["Content-Length"] == str(len(got.content))
            else:
                assert (head.status_code, head.content) == (405, b"")
        check_problem(await http.options("/v1/nothing"), 404, "not_found")


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"&".join(b"x=" for _ in range(1_001))),
        ("application/x-www-form-urlencoded", b"%zz=%&&==&\xff=\x00"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n"),
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x\r\n"),
    ],
)
async def test_a_form_that_cannot_be_read_is_a_validation_error(
    server: ServerProcess, media_type: str, body: bytes
) -> None:
    async with http_client(server) as http:
        response = await http.post("/v1/auth/login", content=body, headers={"Content-Type": media_type})
    assert check_problem(response, 422, "validation_error")["errors"]


@pytest.mark.wire("too_large")
async def test_chunks_without_end_are_refused_and_the_connection_ends(server: ServerProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /v1/auth/refresh HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    began = time.monotonic()

    async def send() -> None:
        part = b"x" * 16_384
        while True:
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()

    sending = asyncio.create_task(send())
    async with asyncio.timeout(10):
        response = await read_response(reader)
        with pytest.raises(OSError):  # noqa: PT011 - whatever the kernel calls the end of a connection
            await sending
    check_problem(response, 413, "too_large")
    assert response.headers["Connection"] == "close"
    assert time.monotonic() - began < 5
    writer.close()


async def test_a_client_that_looks_for_an_answer_only_when_it_cannot_send_is_made_to_look(
    server: ServerProcess,
) -> None:
    """Read as long as it sends, it would be reset without having seen a word."""

    def send_until_full() -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=1) as link:
            link.sendall(b"POST /v1/auth/refresh HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            with contextlib.suppress(TimeoutError):
                while True:
                    link.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            return link.recv(65_536)

    assert (await asyncio.to_thread(send_until_full)).startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_leaves_in_the_middle_of_its_body_has_no_effect(
    server: ServerProcess, token_of: TokenOf
) -> None:
    body = json.dumps({"name": f"never {time.monotonic_ns()}", "visibility": "public"}).encode()
    head = (
        f"POST /v1/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_of(server)}\r\n"
        "Content-Type: application/json\r\nX-Request-ID: half-a-room\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode() + b"%x\r\n%b\r\n" % (len(body), body))
    await writer.drain()
    writer.transport.abort()
    await server.wait_for_log("http.request", request_id="half-a-room", status=499)
    assert server.find_logs("room.created", request_id="half-a-room") == []


async def test_a_half_sent_body_delays_no_drain_and_is_told_of_it(make_server: MakeServer) -> None:
    server = make_server()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /v1/auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    silent = await asyncio.open_connection("127.0.0.1", server.port)
    silent[1].write(b"GET /healthz HTTP/1.1\r\nHo")
    async with http_client(server) as http:
        assert (await http.get("/healthz")).status_code == 200  # so the others are read
    began = time.monotonic()
    code = await asyncio.to_thread(server.terminate)
    took = time.monotonic() - began
    async with asyncio.timeout(5):
        check_problem(await read_response(reader), 503, "draining")
    assert (code, took < 3) == (0, True), took
    assert server.find_logs("server.log", level="error") == []
    for link in (writer, silent[1]):
        link.close()


@pytest.mark.long
async def test_a_body_that_dribbles_is_refused_after_30_seconds(server: ServerProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /v1/auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    began = time.monotonic()
    answer = asyncio.create_task(read_response(reader))
    while not answer.done():
        writer.write(b"x")
        await asyncio.wait([answer], timeout=1)
    check_problem(await answer, 408, "bad_request")
    assert 29 < time.monotonic() - began < 33
    writer.close()


async def test_paths_and_methods_that_do_not_exist_count_against_the_address(make_server: MakeServer) -> None:
    server = make_server(RATE_LIMITS_ENABLED="true", RATE_LIMIT_REST="5/minute")
    async with http_client(server) as http:
        statuses: list[httpx2.Response] = [await http.get(f"/wp-admin/{number}.php") for number in range(4)]
        statuses += [await http.put("/v1/rooms") for _ in range(3)]
        assert [answer.status_code for answer in statuses] == [404, 404, 404, 404, 405, 429, 429]
        check_problem(statuses[-1], 429, "rate_limited")
        assert (await http.get("/healthz")).status_code == 200

"""Refusals over HTTP: one shape for all of them, which repeats nothing and gives nothing away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.server.conversation import NOBODY
from tests.support.fixtures import TokenOf
from tests.support.people import fresh_password, fresh_username, http_client
from tests.support.problems import REQUEST_ID, check_problem
from tests.support.raw import exchange
from tests.support.server import CANARY, ServerProcess

JSON = {"Content-Type": "application/json"}
LIMIT = 64 * 1024


@pytest.mark.wire("not_found")
@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/nothing", "/v2/rooms", "/favicon.ico", "/v1/users/me/x", "/%00"]
)
async def test_an_unknown_path_is_not_found(server: ServerProcess, token_of: TokenOf, path: str) -> None:
    for token in (None, token_of(server)):
        async with http_client(server, token) as http:
            response = await http.get(path)
        check_problem(response, 404, "not_found")


@pytest.mark.wire("method_not_allowed")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/auth/signup", {"POST"}),
        ("PUT", "/v1/auth/login", {"POST"}),
        ("POST", "/v1/users/me", {"GET", "PATCH", "DELETE"}),
        ("DELETE", "/v1/rooms", {"GET", "POST"}),
        ("POST", "/healthz", {"GET"}),
    ],
)
async def test_another_method_is_told_which_ones_there_are(
    server: ServerProcess, token_of: TokenOf, method: str, path: str, allowed: set[str]
) -> None:
    async with http_client(server, token_of(server)) as http:
        response = await http.request(method, path)
    check_problem(response, 405, "method_not_allowed")
    assert {name.strip() for name in response.headers["Allow"].split(",")} - {"HEAD", "OPTIONS"} <= allowed
    assert response.headers["Allow"]


@pytest.mark.wire("too_large")
async def test_a_body_above_64_kib_is_refused_whatever_it_says_of_its_size(
    server: ServerProcess, token_of: TokenOf
) -> None:
    body = json.dumps({"name": "x" * LIMIT, "visibility": "public"}).encode()
    async with http_client(server, token_of(server)) as http:
        check_problem(await http.post("/v1/rooms", content=body, headers=JSON), 413, "too_large")
        check_problem(await http.post("/v1/rooms", content=_pieces(body), headers=JSON), 413, "too_large")
        form = {"username": fresh_username(), "password": "x" * LIMIT}
        check_problem(await http.post("/v1/auth/login", data=form), 413, "too_large")


@pytest.mark.wire("too_large")
async def test_a_body_without_end_is_refused_while_it_comes(server: ServerProcess, token_of: TokenOf) -> None:
    head = (
        f"POST /v1/rooms HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token_of(server)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunks = (b"1000\r\n" + b"[" * 4_096 + b"\r\n") * (LIMIT // 4_096 + 1)
    check_problem(await exchange(server, head.encode() + chunks), 413, "too_large")


@pytest.mark.wire("too_large")
async def test_a_declared_size_is_refused_before_the_body_comes(server: ServerProcess, token_of: TokenOf) -> None:
    head = (
        f"POST /v1/rooms HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token_of(server)}\r\nContent-Length: 1000000000\r\n\r\n"
    )
    check_problem(await exchange(server, head.encode()), 413, "too_large")


async def test_a_body_of_64_kib_is_read(server: ServerProcess, token_of: TokenOf) -> None:
    body = json.dumps({"name": "x", "topic": "", "visibility": "public"}).encode()
    padded = body + b" " * (LIMIT - len(body))
    async with http_client(server, token_of(server)) as http:
        response = await http.post("/v1/rooms", content=padded, headers=JSON)
        assert response.status_code in {201, 409}, response.text
        check_problem(await http.post("/v1/rooms", content=padded + b" ", headers=JSON), 413, "too_large")


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "half an object": b'{"name": "canary',
    "no JSON": b"canary",
    "single quotes": b"{'name': 'canary'}",
    "an array": b'["canary"]',
    "text": b'"canary"',
    "null": b"null",
    "a number": b"17",
    "NaN": b'{"name": NaN, "visibility": "public"}',
    "infinity": b'{"name": 1e999, "visibility": "public"}',
    "no UTF-8": b'{"name": "canary \xff\xfe", "visibility": "public"}',
    "UTF-16": '{"name": "canary", "visibility": "public"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "canary", "visibility": "public"}',
    "half a surrogate pair": b'{"name": "canary \\ud83e", "visibility": "public"}',
    "a null character": b'{"name": "canary \\u0000", "visibility": "public"}',
    "nested": b'{"name": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "nested and open": b"[" * 65_000,
    "a long number": b'{"name": ' + b"9" * 20_000 + b', "visibility": "public"}',
    "wrong types": b'{"name": {"canary": 1}, "visibility": ["canary"]}',
    "unknown field": b'{"name": "tea", "visibility": "public", "owner": "canary"}',
    "unknown value": b'{"name": "tea", "visibility": "canary"}',
    "missing field": b'{"visibility": "public"}',
}


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize("how", MALFORMED)
async def test_a_malformed_body_is_refused_without_an_echo(server: ServerProcess, token_of: TokenOf, how: str) -> None:
    async with http_client(server, token_of(server)) as http:
        response = await http.post("/v1/rooms", content=MALFORMED[how], headers=JSON)
    document = check_problem(response, 422, "validation_error")
    assert document["errors"], "where it is wrong"
    assert CANARY not in response.text


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize("path", ["/v1/auth/signup", "/v1/auth/refresh"])
async def test_routes_without_a_user_refuse_malformed_bodies_too(server: ServerProcess, path: str) -> None:
    async with http_client(server) as http:
        for body in MALFORMED.values():
            response = await http.post(path, content=body, headers=JSON)
            check_problem(response, 422, "validation_error")
            assert CANARY not in response.text


@pytest.mark.wire("validation_error")
async def test_thousands_of_unknown_fields_are_one_error_and_dozens_at_most_20(
    server: ServerProcess, token_of: TokenOf
) -> None:
    async with http_client(server, token_of(server)) as http:
        for count, told_of, kind in (
            (30, 20, "missing"),
            (64, 20, "missing"),
            (65, 1, "too_many_fields"),
            (5_000, 1, "too_many_fields"),
        ):
            body = {f"x{number}": 1 for number in range(count)}
            document = check_problem(await http.post("/v1/rooms", json=body), 422, "validation_error")
            assert (len(document["errors"]), document["errors"][0]["type"]) == (told_of, kind), count
        form = await http.post("/v1/auth/login", data={f"x{number}": "1" for number in range(900)})
        query = await http.get("/v1/rooms", params={f"x{number}": "1" for number in range(2_000)})
        for answer in (form, query):
            assert len(check_problem(answer, 422, "validation_error")["errors"]) <= 20
            assert len(answer.content) < 4_096


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
async def test_json_under_another_name_is_refused(server: ServerProcess, token_of: TokenOf, media_type: str) -> None:
    body = b'{"name": "tea", "visibility": "public"}'
    async with http_client(server, token_of(server)) as http:
        response = await http.post("/v1/rooms", content=body, headers={"Content-Type": media_type})
    check_problem(response, 422, "validation_error")


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=1e3"])
async def test_a_limit_is_1_to_200(server: ServerProcess, token_of: TokenOf, query: str) -> None:
    async with http_client(server, token_of(server)) as http:
        check_problem(await http.get(f"/v1/rooms?{query}"), 422, "validation_error")
        assert (await http.get("/v1/rooms?limit=1")).status_code == 200
        assert (await http.get("/v1/rooms?limit=200")).status_code == 200


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize("query", ["cursor=x", "cursor=%00", "cursor=" + "A" * 4_000, "scope=canary"])
async def test_a_strange_query_is_refused(server: ServerProcess, token_of: TokenOf, query: str) -> None:
    async with http_client(server, token_of(server)) as http:
        response = await http.get(f"/v1/rooms?{query}")
    check_problem(response, 422, "validation_error")
    assert CANARY not in response.json()["detail"]


@pytest.mark.wire("validation_error")
@pytest.mark.parametrize("bad_id", ["x", "me", NOBODY[:-1], NOBODY + "0", NOBODY.replace("-", "_"), "%00", "..%2f"])
async def test_a_malformed_id_is_refused(server: ServerProcess, token_of: TokenOf, bad_id: str) -> None:
    async with http_client(server, token_of(server)) as http:
        for path in (f"/v1/rooms/{bad_id}", f"/v1/rooms/{bad_id}/messages", f"/v1/rooms/{NOBODY}/members/{bad_id}"):
            response = await http.delete(path) if "members" in path else await http.get(path)
            if response.status_code == 404 and "%" in bad_id:
                continue  # a path of another shape
            check_problem(response, 422, "validation_error")


async def test_every_answer_has_a_request_id_the_clients_own_if_it_is_one(
    server: ServerProcess, token_of: TokenOf
) -> None:
    seen = set()
    async with http_client(server, token_of(server)) as http:
        for path in ("/healthz", "/readyz", "/v1/users/me", "/nothing", "/openapi.json", "/docs"):
            response = await http.get(path)
            assert REQUEST_ID.fullmatch(response.headers["X-Request-ID"]), path
            seen.add(response.headers["X-Request-ID"])
            own = await http.get(path, headers={"X-Request-ID": "My-own_1.2"})
            assert own.headers["X-Request-ID"] == "My-own_1.2", path
        assert len(seen) == 6
        for bad in ("", "x" * 65, "two words", "a/b", "a\tb", "ü".encode().decode("latin-1"), '"}{"'):
            response = await http.get("/v1/users/me", headers=[(b"X-Request-ID", bad.encode("latin-1"))])
            assert response.status_code == 200
            assert response.headers["X-Request-ID"] != bad
            assert REQUEST_ID.fullmatch(response.headers["X-Request-ID"])
        longest = "x" * 64
        assert (await http.get("/healthz", headers={"X-Request-ID": longest})).headers["X-Request-ID"] == longest


async def test_no_answer_names_the_server_or_lets_itself_be_guessed_at(
    server: ServerProcess, token_of: TokenOf
) -> None:
    async with http_client(server, token_of(server)) as http:
        for path in ("/v1/users/me", "/nothing", "/healthz"):
            response = await http.get(path)
            assert "Server" not in response.headers
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_password_never_comes_back(server: ServerProcess) -> None:
    async with http_client(server) as http:
        for body in (
            {"username": "!", "password": fresh_password()},
            {"username": fresh_username(), "password": [fresh_password()]},
            {"username": fresh_username(), "passwort": fresh_password()},
            {"username": fresh_username(), "password": fresh_password(), fresh_password(): 1},
        ):
            response = await http.post("/v1/auth/signup", json=body)
            check_problem(response, 422, "validation_error")
            assert CANARY not in response.json()["detail"]
            assert CANARY not in str([entry["msg"] for entry in response.json()["errors"]])


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(body), 4_096):
        yield body[begin : begin + 4_096]

"""Users: the own profile, and finding others."""

from __future__ import annotations

import secrets

import pytest

from tests.server.conversation import NOBODY, done, say
from tests.support.fixtures import MakePerson, MakeRoom, TokenOf
from tests.support.people import http_client
from tests.support.problems import check_problem
from tests.support.server import ServerProcess


@pytest.mark.wire("GET /v1/users/me")
async def test_me_is_the_user_of_the_token(person: MakePerson) -> None:
    ada = await person()
    assert done(await ada.http.get("/v1/users/me")) == ada.user


@pytest.mark.wire("PATCH /v1/users/me")
async def test_a_display_name_changes_trimmed_and_for_everybody(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    changed = done(await ada.http.patch("/v1/users/me", json={"display_name": " Countess of Łovelace "}))
    assert changed == ada.user | {"display_name": "Countess of Łovelace"}
    assert done(await ada.http.get("/v1/users/me")) == changed
    assert done(await eve.http.get(f"/v1/users/{ada.id}")) == changed
    socket = await ada.connect()
    assert socket.welcome["user"] == changed


@pytest.mark.wire("PATCH /v1/users/me")
async def test_what_was_said_before_shows_the_name_as_it_is_now(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    message = await say(ada, room)
    done(await ada.http.patch("/v1/users/me", json={"display_name": "Countess"}))
    page = done(await ada.http.get(f"/v1/rooms/{room['id']}/messages"))
    assert page["items"][0]["author"] == message["author"] | {"display_name": "Countess"}


@pytest.mark.wire("PATCH /v1/users/me")
@pytest.mark.parametrize(
    "body",
    [
        {"display_name": ""},
        {"display_name": "  "},
        {"display_name": "x" * 65},
        {"display_name": "two\nlines"},
        {"display_name": "\u202eevil"},
        {"display_name": None},
        {"display_name": 5},
        {"display_name": "Ada", "role": "admin"},
        {"display_name": "Ada", "username": "other"},
        {"role": "admin"},
        [],
    ],
)
async def test_a_bad_profile_is_refused_and_changes_nothing(person: MakePerson, body: object) -> None:
    ada = await person()
    check_problem(await ada.http.patch("/v1/users/me", json=body), 422, "validation_error")
    assert done(await ada.http.get("/v1/users/me")) == ada.user


@pytest.mark.wire("GET /v1/users/{user_id}")
async def test_anybody_logged_in_sees_a_user_by_id(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    assert done(await eve.http.get(f"/v1/users/{ada.id}")) == ada.user
    assert done(await eve.http.get(f"/v1/users/{ada.id.upper()}")) == ada.user
    check_problem(await eve.http.get(f"/v1/users/{NOBODY}"), 404, "not_found")
    for malformed in ("x", ada.id[:-1], ada.id + "0", "%00", ada.username):
        check_problem(await eve.http.get(f"/v1/users/{malformed}"), 422, "validation_error")


@pytest.mark.wire("GET /v1/users")
async def test_a_user_is_found_by_the_whole_name_in_any_case(person: MakePerson) -> None:
    ada = await person(f"Ada.{secrets.token_hex(6)}")
    eve = await person()
    for name in (ada.username, ada.username.lower(), ada.username.upper()):
        assert done(await eve.http.get("/v1/users", params={"username": name})) == {"items": [ada.user]}
    for name in (
        ada.username[:-1],
        "%",
        "_" * len(ada.username),
        ada.username + " x",
        "nobody-" + secrets.token_hex(6),
    ):
        answer = await eve.http.get("/v1/users", params={"username": name})
        if answer.status_code != 422:  # what can be no username may be refused as well as not found
            assert done(answer) == {"items": []}


@pytest.mark.wire("GET /v1/users")
async def test_the_name_to_look_for_must_be_given(person: MakePerson) -> None:
    ada = await person()
    check_problem(await ada.http.get("/v1/users"), 422, "validation_error")


@pytest.mark.wire("missing_token")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/auth/logout"),
        ("POST", "/v1/auth/password"),
        ("GET", "/v1/auth/sessions"),
        ("DELETE", f"/v1/auth/sessions/{NOBODY}"),
        ("POST", "/v1/auth/ws-ticket"),
        ("GET", "/v1/users/me"),
        ("PATCH", "/v1/users/me"),
        ("DELETE", "/v1/users/me"),
        ("GET", f"/v1/users/{NOBODY}"),
        ("GET", "/v1/users?username=ada"),
        ("GET", "/v1/rooms"),
        ("POST", "/v1/rooms"),
        ("GET", f"/v1/rooms/{NOBODY}"),
        ("PATCH", f"/v1/rooms/{NOBODY}"),
        ("DELETE", f"/v1/rooms/{NOBODY}"),
        ("GET", f"/v1/rooms/{NOBODY}/members"),
        ("PUT", f"/v1/rooms/{NOBODY}/members/{NOBODY}"),
        ("DELETE", f"/v1/rooms/{NOBODY}/members/{NOBODY}"),
        ("GET", f"/v1/rooms/{NOBODY}/bans"),
        ("PUT", f"/v1/rooms/{NOBODY}/bans/{NOBODY}"),
        ("DELETE", f"/v1/rooms/{NOBODY}/bans/{NOBODY}"),
        ("POST", f"/v1/rooms/{NOBODY}/messages"),
        ("GET", f"/v1/rooms/{NOBODY}/messages"),
        ("GET", f"/v1/rooms/{NOBODY}/events"),
        ("PUT", f"/v1/rooms/{NOBODY}/read"),
        ("PATCH", f"/v1/messages/{NOBODY}"),
        ("DELETE", f"/v1/messages/{NOBODY}"),
    ],
)
async def test_every_route_with_a_user_asks_for_a_token_before_it_looks_at_anything(
    server: ServerProcess, token_of: TokenOf, method: str, path: str
) -> None:
    async with http_client(server) as http:
        check_problem(await http.request(method, path), 401, "missing_token")
        cookies = {"Cookie": f"access_token={token_of(server)}; Authorization={token_of(server)}"}
        check_problem(await http.request(method, path, headers=cookies), 401, "missing_token")
    async with http_client(server, "not-a-token") as http:
        check_problem(await http.request(method, path), 401, "invalid_token")

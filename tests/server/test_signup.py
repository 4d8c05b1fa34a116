"""Making an account: who gets one, under which names and passwords."""

from __future__ import annotations

import asyncio
import json
import secrets

import pytest

from tests.server.conversation import TIME, UUID7, done
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import fresh_password, fresh_username, http_client, login, signup
from tests.support.problems import check_problem
from tests.support.server import CANARY, ServerProcess

pytestmark = pytest.mark.wire("POST /v1/auth/signup")


async def test_a_new_user_is_answered_without_the_password_and_is_called_by_the_username(server: ServerProcess) -> None:
    name, password = fresh_username(), fresh_password()
    async with http_client(server) as http:
        response = await signup(http, name, password)
        user = done(response, status=201)
    assert user.keys() == {"id", "username", "display_name", "role", "created_at"}
    assert (user["username"], user["display_name"], user["role"]) == (name, name, "user")
    assert UUID7.fullmatch(user["id"])
    assert TIME.fullmatch(user["created_at"])
    assert password not in response.text


async def test_a_display_name_is_kept_as_sent_but_for_the_blanks_around_it(server: ServerProcess) -> None:
    async with http_client(server) as http:
        user = done(await signup(http, fresh_username(), fresh_password(), display_name="  Ada  Löwe 🦁 "), status=201)
        assert user["display_name"] == "Ada  Löwe 🦁"
        longest = done(await signup(http, fresh_username(), fresh_password(), display_name="🦁" * 64), status=201)
        assert longest["display_name"] == "🦁" * 64


@pytest.mark.parametrize("length", [3, 32])
async def test_usernames_may_be_3_to_32_long(server: ServerProcess, length: int) -> None:
    name = ("a.B_-" + secrets.token_hex(16))[:length] if length == 32 else "." + secrets.token_hex(1)
    async with http_client(server) as http:
        response = await signup(http, name, fresh_password())
    assert response.status_code in ({201} if length == 32 else {201, 409}), response.text  # few names are so short


@pytest.mark.wire("username_taken")
async def test_a_username_is_taken_in_any_case(person: MakePerson) -> None:
    ada = await person(f"Ada-{secrets.token_hex(6)}")
    for name in (ada.username, ada.username.lower(), ada.username.upper()):
        check_problem(await signup(ada.http, name, fresh_password()), 409, "username_taken")


@pytest.mark.wire("username_taken")
async def test_of_many_who_want_one_name_at_once_exactly_one_gets_it(server: ServerProcess) -> None:
    name = f"Race-{secrets.token_hex(6)}"
    async with http_client(server) as http:
        wanted = [name, name.lower(), name.upper()] * 4
        answers = await asyncio.gather(*(signup(http, username, fresh_password()) for username in wanted))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11


@pytest.mark.parametrize(
    "username",
    [
        "ab",
        "a" * 33,
        "",
        "two words",
        "ünïcode",
        "\u0430da",
        "a\u0000b",
        "a\nb",
        "semi;colon",
        "at@sign",
        "<b>x</b>",
        "x" * 9000,
    ],
)
async def test_other_usernames_are_refused(server: ServerProcess, username: str) -> None:
    async with http_client(server) as http:
        document = check_problem(await signup(http, username, fresh_password()), 422, "validation_error")
    assert any("username" in entry["loc"] for entry in document["errors"])


@pytest.mark.parametrize(
    "password",
    [
        f"{CANARY}-11 ",  # 10 characters and a blank
        f"{CANARY} " + "x" * 250,  # 257
        f"{CANARY} \u0000 {CANARY}",
        "1qaz2wsx3edc4rfv",  # in every list of common passwords
        "JustinBieber",
        "",
        f"{CANARY} " + "x" * 5_000,
        f"{CANARY} " + "x" * 20_000,
        " " * 11,
        " " * 12,
        "\u2003" * 256,
    ],
)
async def test_passwords_that_are_too_short_too_long_or_common_are_refused_unseen(
    server: ServerProcess, password: str
) -> None:
    async with http_client(server) as http:
        response = await signup(http, fresh_username(), password)
    document = check_problem(response, 422, "validation_error")
    assert any("password" in entry["loc"] for entry in document["errors"])
    assert CANARY not in response.text
    assert not password.strip() or password not in response.text


async def test_the_username_is_no_password(server: ServerProcess) -> None:
    name = fresh_username()
    async with http_client(server) as http:
        check_problem(await signup(http, name, name), 422, "validation_error")
        check_problem(await signup(http, name, name.upper()), 422, "validation_error")


async def test_half_a_surrogate_pair_is_refused_wherever_it_stands(server: ServerProcess) -> None:
    for field in ("username", "password", "display_name"):
        body = {"username": fresh_username(), "password": fresh_password(), "display_name": "Ada"}
        body[field] = f"{CANARY} broken \ud83e here"
        async with http_client(server) as http:
            response = await http.post(
                "/v1/auth/signup", content=json.dumps(body), headers={"Content-Type": "application/json"}
            )
        check_problem(response, 422, "validation_error")
        assert CANARY not in response.text


@pytest.mark.parametrize(
    "password",
    [
        "  a blank before and behind  ",
        "🦁" * 256,  # 1,024 bytes
        "tab\tnew line\nbell\u0007 override \u202e",
        "twelve chars",
    ],
)
async def test_any_other_password_of_12_to_256_characters_logs_in(server: ServerProcess, password: str) -> None:
    name = fresh_username()
    async with http_client(server) as http:
        assert (await signup(http, name, password)).status_code == 201
        assert (await login(http, name, password)).status_code == 200


@pytest.mark.parametrize(
    "display_name",
    ["", "   ", "x" * 65, "bell\u0007", "two\nlines", "two\r\nlines", "tab\there", "nul\u0000", "del\u007f", "c1\u0085"]
    + [f"bidi{chr(code)}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))],
)
async def test_a_display_name_is_one_visible_line_of_at_most_64(server: ServerProcess, display_name: str) -> None:
    async with http_client(server) as http:
        response = await signup(http, fresh_username(), fresh_password(), display_name=display_name)
    document = check_problem(response, 422, "validation_error")
    assert any("display_name" in entry["loc"] for entry in document["errors"])


@pytest.mark.parametrize("extra", ["role", "id", "is_admin", "verified", "created_at"])
async def test_unknown_fields_are_refused_and_nobody_is_signed_up(server: ServerProcess, extra: str) -> None:
    name, password = fresh_username(), fresh_password()
    async with http_client(server) as http:
        document = check_problem(await signup(http, name, password, **{extra: "admin"}), 422, "validation_error")
        assert any(extra in entry["loc"] for entry in document["errors"])
        assert (await login(http, name, password)).status_code == 401


@pytest.mark.parametrize("missing", ["username", "password"])
async def test_missing_fields_are_refused(server: ServerProcess, missing: str) -> None:
    body = {"username": fresh_username(), "password": fresh_password()}
    del body[missing]
    async with http_client(server) as http:
        check_problem(await http.post("/v1/auth/signup", json=body), 422, "validation_error")


async def test_a_closed_house_takes_nobody_in_but_those_made_by_its_operator(server_with: MakeServer) -> None:
    server = server_with(SIGNUP="closed", DOCS_ENABLED="false", METRICS_ENABLED="false")
    async with http_client(server) as http:
        check_problem(await signup(http, fresh_username(), fresh_password()), 403, "forbidden")


async def test_who_signs_up_is_in_general_and_its_log_says_nothing_of_it(person: MakePerson) -> None:
    ada = await person()
    rooms = done(await ada.http.get("/v1/rooms"))["items"]
    assert [room["name"] for room in rooms] == ["general"]
    events = done(await ada.http.get(f"/v1/rooms/{rooms[0]['id']}/events", params={"after_seq": 0}))["items"]
    assert events[0]["type"] == "room.created"
    assert events[0]["actor"] is None
    assert not [event for event in events if ada.id in str(event)]

"""Logging in: the OAuth2 form, the token pair, and refusals that tell nothing."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from jose import jwt

from tests.server.conversation import done
from tests.support.fixtures import MakePerson
from tests.support.people import Person, fresh_password, fresh_username, http_client, login
from tests.support.problems import check_problem
from tests.support.server import CANARY, ServerProcess

pytestmark = pytest.mark.wire("POST /v1/auth/login")


async def test_a_login_gives_a_bearer_pair_that_no_cache_keeps(person: MakePerson) -> None:
    ada = await person()
    response = await login(ada.http, ada.username, ada.password)
    pair = done(response)
    ada.use(pair)
    assert pair.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
    assert pair["token_type"] == "bearer"
    assert (pair["expires_in"], pair["refresh_expires_in"]) == (900, 2_592_000)
    assert response.headers["Cache-Control"] == "no-store"  # RFC 6749, 5.1
    assert done(await ada.http.get("/v1/users/me")) == ada.user


async def test_the_access_token_is_a_jwt_of_this_user_and_session_without_personal_data(person: MakePerson) -> None:
    ada = await person()
    header = jwt.get_unverified_header(ada.access_token)
    claims = jwt.get_unverified_claims(ada.access_token)
    assert (header["typ"], header["alg"]) == ("at+jwt", "HS256")
    assert header["kid"]
    assert claims.keys() == {"iss", "aud", "sub", "sid", "jti", "iat", "exp"}
    assert claims["sub"] == ada.id
    assert claims["exp"] - claims["iat"] == 900
    sessions = done(await ada.http.get("/v1/auth/sessions"))["items"]
    assert [session["id"] for session in sessions] == [claims["sid"]]


async def test_every_login_makes_another_session(person: MakePerson) -> None:
    ada = await person()
    second = await ada.login()
    assert jwt.get_unverified_claims(second["access_token"])["sid"] != _sid(ada)


async def test_the_username_is_read_without_regard_to_case(person: MakePerson) -> None:
    ada = await person()
    assert (await login(ada.http, ada.username.upper(), ada.password)).status_code == 200


async def test_the_other_fields_of_the_oauth2_form_are_ignored(person: MakePerson) -> None:
    ada = await person()
    form = {"username": ada.username, "password": ada.password}
    oauth2 = {"grant_type": "password", "scope": "", "client_id": "x", "client_secret": "y"}
    assert (await ada.http.post("/v1/auth/login", data=form | oauth2)).status_code == 200


async def test_a_wrong_password_and_an_unknown_user_get_one_answer(person: MakePerson) -> None:
    ada = await person()
    wrong = await login(ada.http, ada.username, fresh_password())
    unknown = await login(ada.http, fresh_username(), ada.password)
    first = check_problem(wrong, 401, "invalid_credentials")
    second = check_problem(unknown, 401, "invalid_credentials")
    assert _without(first, "request_id") == _without(second, "request_id")
    assert _headers(wrong) == _headers(unknown)


@pytest.mark.wire("account_suspended")
async def test_only_the_right_password_learns_that_the_account_is_suspended(person: MakePerson) -> None:
    ada = await person()
    assert ada.server.run_cli("user", "suspend", ada.username).returncode == 0
    check_problem(await login(ada.http, ada.username, fresh_password()), 401, "invalid_credentials")
    check_problem(await login(ada.http, ada.username, ada.password), 403, "account_suspended")


@pytest.mark.parametrize("field", ["username", "password"])
async def test_a_missing_form_field_is_refused(server: ServerProcess, field: str) -> None:
    form = {"username": fresh_username(), "password": fresh_password()}
    del form[field]
    async with http_client(server) as http:
        check_problem(await http.post("/v1/auth/login", data=form), 422, "validation_error")


async def test_json_is_no_form(person: MakePerson) -> None:
    ada = await person()
    response = await ada.http.post("/v1/auth/login", json={"username": ada.username, "password": ada.password})
    check_problem(response, 422, "validation_error")
    assert CANARY not in response.text


async def test_unknown_form_fields_are_refused(person: MakePerson) -> None:
    ada = await person()
    form = {"username": ada.username, "password": ada.password, "role": "admin"}
    check_problem(await ada.http.post("/v1/auth/login", data=form), 422, "validation_error")


@pytest.mark.parametrize(
    "form",
    [
        "username=ada&password=" + "x" * 5_000,
        "username=ada&password=%00%00%00%00%00%00%00%00%00%00%00%00%00",
        "username=ada&password=%ff%fe%80%ff%fe%80%ff%fe%80%ff%fe%80",
        "username=" + "a" * 5_000 + "&password=correct+horse+battery",
        "username=%00%0a%ff&password=correct+horse+battery",
    ],
    ids=["long password", "nul", "no UTF-8", "long username", "odd username"],
)
async def test_impossible_credentials_are_refused_like_wrong_ones(server: ServerProcess, form: str) -> None:
    async with http_client(server) as http:
        response = await http.post(
            "/v1/auth/login", content=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    assert response.status_code in {401, 422}, response.text
    code = "invalid_credentials" if response.status_code == 401 else "validation_error"
    check_problem(response, response.status_code, code)


@pytest.mark.wire("unavailable")
async def test_more_logins_at_once_than_can_be_hashed_are_told_to_come_back_and_hold_nobody_up(
    person: MakePerson,
) -> None:
    ada = await person()
    socket = await ada.connect()
    name = fresh_username()
    async with asyncio.TaskGroup() as group:
        logins = [group.create_task(login(ada.http, name, ada.password)) for _ in range(90)]
        await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)
        await socket.ok("ping")
        assert not all(task.done() for task in logins), "live traffic does not wait for the hashes"
    answers = [task.result() for task in logins]
    for answer in answers:
        if answer.status_code == 503:
            check_problem(answer, 503, "unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
        else:
            check_problem(answer, 401, "invalid_credentials")
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) > 20, "those who found a place are served"
    assert 503 in statuses


def _sid(person: Person) -> str:
    return str(jwt.get_unverified_claims(person.access_token)["sid"])


def _without(document: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in document.items() if key != name}


def _headers(response: httpx2.Response) -> dict[str, str]:
    return {key: value for key, value in response.headers.items() if key not in {"date", "x-request-id"}}

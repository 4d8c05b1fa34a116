"""Refreshing: one chain of tokens for a session, and what happens when an old one comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from jose import jwt

from tests.server.conversation import done
from tests.support.fixtures import MakePerson
from tests.support.people import Person, http_client
from tests.support.problems import check_problem
from tests.support.server import ServerProcess

pytestmark = pytest.mark.wire("POST /v1/auth/refresh")


async def refresh(person: Person, token: str) -> httpx2.Response:
    """Refresh without an access token, as a client does whose token has expired."""
    async with http_client(person.server) as http:
        response = await http.post("/v1/auth/refresh", json={"refresh_token": token})
    if response.status_code == 200:
        person.server.keep_secret(response.json()["access_token"], response.json()["refresh_token"])
    return response


async def successor(person: Person, token: str) -> str:
    """Refresh with this token, which must work; gives the new refresh token."""
    return str(done(await refresh(person, token))["refresh_token"])


async def check_revoked(person: Person, *refresh_tokens: str) -> None:
    """Assert that nothing of the session works any more."""
    for token in refresh_tokens:
        check_problem(await refresh(person, token), 401, "invalid_token")
    check_problem(await person.http.get("/v1/users/me"), 401, "session_revoked")


async def test_a_refresh_gives_a_new_pair_of_the_same_session(person: MakePerson) -> None:
    ada = await person()
    response = await refresh(ada, ada.refresh_token)
    pair = done(response)
    assert pair.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
    assert (pair["token_type"], pair["expires_in"]) == ("bearer", 900)
    assert 2_591_900 <= pair["refresh_expires_in"] <= 2_592_000
    assert response.headers["Cache-Control"] == "no-store"
    assert pair["refresh_token"] != ada.refresh_token
    old, new = _claims(ada.access_token), _claims(pair["access_token"])
    assert (new["sid"], new["sub"]) == (old["sid"], old["sub"])
    assert new["jti"] != old["jti"]
    assert (await ada.http.get("/v1/users/me")).status_code == 200, "the old access token lives until its exp"
    ada.use(pair)
    assert (await ada.http.get("/v1/users/me")).status_code == 200
    assert len(done(await ada.http.get("/v1/auth/sessions"))["items"]) == 1


async def test_a_chain_of_refreshes_goes_on(person: MakePerson) -> None:
    ada = await person()
    token, seen = ada.refresh_token, set[str]()
    for _ in range(5):
        token = await successor(ada, token)
        assert token not in seen
        seen.add(token)


async def test_a_lost_answer_is_no_theft(person: MakePerson) -> None:
    ada = await person()
    await successor(ada, ada.refresh_token)  # the answer is lost, and so is the next
    await successor(ada, ada.refresh_token)
    third = await successor(ada, ada.refresh_token)
    fourth = await successor(ada, third)
    await successor(ada, fourth)
    assert (await ada.http.get("/v1/users/me")).status_code == 200


@pytest.mark.wire("refresh_token_reused")
async def test_a_successor_that_was_voided_by_a_repeat_ends_the_session(person: MakePerson) -> None:
    ada = await person()
    void = await successor(ada, ada.refresh_token)
    valid = await successor(ada, ada.refresh_token)
    check_problem(await refresh(ada, void), 401, "refresh_token_reused")
    await check_revoked(ada, void, valid, ada.refresh_token)


@pytest.mark.wire("refresh_token_reused")
async def test_a_spent_token_whose_successor_was_used_ends_the_session_and_its_sockets(person: MakePerson) -> None:
    ada = await person()
    other = await ada.second_session()
    socket, others_socket = await ada.connect(), await other.connect()
    first = await successor(ada, ada.refresh_token)
    second = await successor(ada, first)

    check_problem(await refresh(ada, ada.refresh_token), 401, "refresh_token_reused")
    assert await socket.closed(timeout_s=1) == (4500, "session_revoked")
    await check_revoked(ada, ada.refresh_token, first, second)
    await ada.server.wait_for_log("auth.refresh_reused", user_id=ada.id, session_id=_claims(ada.access_token)["sid"])

    assert await others_socket.ok("ping"), "the user's other session goes on"
    assert (await refresh(other, other.refresh_token)).status_code == 200


@pytest.mark.wire("refresh_token_reused")
async def test_an_ancestor_far_back_in_the_chain_ends_the_session_too(person: MakePerson) -> None:
    ada = await person()
    token = ada.refresh_token
    for _ in range(4):
        token = await successor(ada, token)
    check_problem(await refresh(ada, ada.refresh_token), 401, "refresh_token_reused")
    await check_revoked(ada, token)


async def test_a_repeat_after_the_repeated_successor_was_used_is_a_reuse(person: MakePerson) -> None:
    ada = await person()
    await successor(ada, ada.refresh_token)
    repeated = await successor(ada, ada.refresh_token)
    last = await successor(ada, repeated)
    check_problem(await refresh(ada, ada.refresh_token), 401, "refresh_token_reused")
    await check_revoked(ada, last)


async def test_ten_refreshes_with_one_token_at_once_are_ten_lost_answers(person: MakePerson) -> None:
    ada = await person()
    responses = await asyncio.gather(*(refresh(ada, ada.refresh_token) for _ in range(10)))
    tokens = {done(response)["refresh_token"] for response in responses}
    assert len(tokens) == 10
    assert (await ada.http.get("/v1/users/me")).status_code == 200
    await successor(ada, await successor(ada, ada.refresh_token))


async def test_only_one_of_two_races_for_one_chain_wins(person: MakePerson) -> None:
    ada = await person()
    first = await successor(ada, ada.refresh_token)
    responses = await asyncio.gather(*(refresh(ada, token) for token in (first, ada.refresh_token) * 5))
    codes = {response.json()["code"] for response in responses if response.status_code != 200}
    assert codes <= {"refresh_token_reused", "invalid_token"}
    assert codes, "either the spent token was reused, or the repeat voided the successor"
    check_problem(await ada.http.get("/v1/users/me"), 401, "session_revoked")


@pytest.mark.wire("invalid_token")
@pytest.mark.parametrize("token", ["x", "a.b.c", "0" * 43, "ünïcode", "x" * 4_000, "\u0000", "../../etc/passwd"])
async def test_a_token_that_was_never_given_is_invalid(person: MakePerson, token: str) -> None:
    ada = await person()
    response = await refresh(ada, token)
    if response.status_code != 422:  # one that no server could have made need not be looked up
        check_problem(response, 401, "invalid_token")
    assert (await ada.http.get("/v1/users/me")).status_code == 200


async def test_access_tokens_do_not_refresh_and_refresh_tokens_give_no_access(person: MakePerson) -> None:
    ada = await person()
    check_problem(await refresh(ada, ada.access_token), 401, "invalid_token")
    async with http_client(ada.server, ada.refresh_token) as http:
        check_problem(await http.get("/v1/users/me"), 401, "invalid_token")


async def test_a_refresh_token_ends_in_time(short_lived: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=short_lived)
    assert ada.tokens["refresh_expires_in"] == 1
    await asyncio.sleep(2.1)  # the token's whole life, whatever part of a second it began in
    check_problem(await refresh(ada, ada.refresh_token), 401, "invalid_token")


@pytest.mark.wire("account_suspended")
async def test_a_suspended_user_cannot_refresh(person: MakePerson) -> None:
    ada = await person()
    assert ada.server.run_cli("user", "suspend", ada.username).returncode == 0
    check_problem(await refresh(ada, ada.refresh_token), 403, "account_suspended")


@pytest.mark.parametrize(
    "body", [{}, {"refresh_token": None}, {"refresh_token": 1}, {"refresh_token": "x", "scope": "all"}, []]
)
async def test_a_malformed_request_is_refused(person: MakePerson, body: object) -> None:
    ada = await person()
    check_problem(await ada.http.post("/v1/auth/refresh", json=body), 422, "validation_error")


def _claims(token: str) -> dict[str, Any]:
    return jwt.get_unverified_claims(token)

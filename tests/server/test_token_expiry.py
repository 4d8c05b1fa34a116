"""The end of an access token under a live socket, and how a client puts it off."""

from __future__ import annotations

import asyncio
import time

import pytest
from jose import jwt

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import Person
from tests.support.problems import check_problem
from tests.support.raw import handshake
from tests.support.server import ServerProcess
from tests.support.sockets import Socket
from tests.support.timestamps import seconds

LIFE = 3
WARNING = 1


@pytest.fixture
def brief(server_with: MakeServer) -> ServerProcess:
    """Give a server whose access tokens live for three seconds and are warned of in the last."""
    return server_with(ACCESS_TOKEN_SECONDS=str(LIFE), TOKEN_WARNING_SECONDS=str(WARNING))


def exp(token: str) -> int:
    """Give the second in which a token ends."""
    return int(jwt.get_unverified_claims(token)["exp"])


async def refresh(person: Person) -> None:
    """Take a new token pair into use."""
    person.use(done(await person.http.post("/v1/auth/refresh", json={"refresh_token": person.refresh_token})))


@pytest.mark.wire("close 4005")
@pytest.mark.wire("token.expiring")
async def test_a_socket_is_warned_and_closed_within_a_second_of_exp(brief: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=brief)
    assert ada.tokens["expires_in"] == LIFE
    end = exp(ada.access_token)

    async def watch(socket: Socket) -> None:
        assert seconds(socket.welcome["token_expires_at"]) == end
        warning = await socket.next("token.expiring")
        assert seconds(warning["expires_at"]) == end
        assert -0.1 <= time.time() - (end - WARNING) < 1
        assert await socket.closed(timeout_s=LIFE) == (4005, "token_expired")
        assert 0 <= time.time() - end < 1
        await brief.wait_for_log("ws.disconnected", connection_id=socket.welcome["connection_id"], code=4005)

    await asyncio.gather(watch(await ada.connect()), watch(await ada.connect(by="ticket")))


@pytest.mark.wire("token_expired")
async def test_after_exp_the_token_is_expired_everywhere_and_the_refresh_token_still_good(
    brief: ServerProcess, person: MakePerson
) -> None:
    ada = await person(server=brief)
    await asyncio.sleep(max(0.0, exp(ada.access_token) - time.time()) + 0.01)
    check_problem(await ada.http.get("/v1/users/me"), 401, "token_expired")
    check_problem(await handshake(brief, token=ada.access_token), 401, "token_expired")
    await refresh(ada)
    assert (await ada.http.get("/v1/users/me")).status_code == 200


async def test_a_socket_opened_when_the_warning_is_due_is_warned_at_once(
    short_lived: ServerProcess, person: MakePerson
) -> None:
    ada = await person(server=short_lived)
    socket = await ada.connect()
    warning = await socket.next("token.expiring", timeout_s=1)
    assert seconds(warning["expires_at"]) == exp(ada.access_token)


@pytest.mark.wire("token.refresh")
async def test_a_refreshed_token_keeps_the_socket_and_is_warned_of_anew(
    brief: ServerProcess, person: MakePerson
) -> None:
    ada = await person(server=brief)
    socket = await ada.connect()
    first = exp(ada.access_token)
    await socket.next("token.expiring")
    await refresh(ada)
    result = await socket.ok("token.refresh", access_token=ada.access_token)
    assert result.keys() == {"expires_at"}
    assert seconds(result["expires_at"]) == exp(ada.access_token) > first

    again = await socket.next("token.expiring")
    assert seconds(again["expires_at"]) == exp(ada.access_token)
    assert time.time() > first - 1
    assert await socket.closed(timeout_s=LIFE) == (4005, "token_expired")
    assert 0 <= time.time() - exp(ada.access_token) < 1


@pytest.mark.wire("token.refresh")
async def test_only_a_token_of_the_same_user_and_session_refreshes_a_socket(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    other = await ada.second_session()
    socket = await ada.connect()
    for token in (eve.access_token, other.access_token, ada.refresh_token, await ada.ticket(), "x", "", "a.b.c"):
        error = await socket.error("token.refresh", access_token=token)
        assert error["code"] in ({"invalid_token"} if token else {"invalid_token", "validation_error"}), error
        assert error["retryable"] is False
    assert (await socket.error("token.refresh"))["code"] == "validation_error"
    assert (await socket.error("token.refresh", access_token=5))["code"] == "validation_error"
    assert (await socket.error("token.refresh", access_token="x", sid="y"))["code"] == "validation_error"
    result = await socket.ok("token.refresh", access_token=ada.access_token)
    assert seconds(result["expires_at"]) == exp(ada.access_token)


@pytest.mark.wire("token.refresh")
async def test_an_expired_token_does_not_refresh(brief: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=brief)
    old = ada.access_token
    await asyncio.sleep(1.1)  # so that the next token is of another second
    await refresh(ada)
    socket = await ada.connect()
    await asyncio.sleep(max(0.0, exp(old) - time.time()) + 0.01)
    error = await socket.error("token.refresh", access_token=old)
    assert error["code"] in {"token_expired", "invalid_token"}

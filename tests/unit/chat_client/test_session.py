"""A login: one refresh at a time, and no refresh token given up before its successor has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from chat_client.errors import (
    BadAnswerError,
    ChatApiError,
    NotLoggedInError,
    ServerUnreachableError,
    SessionEndedError,
)
from chat_client.models import Tokens
from chat_client.session import MemoryTokenStore, Session
from tests.unit.chat_client.fake_auth import Auth, pair, problem


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
def store() -> MemoryTokenStore:
    return MemoryTokenStore(Tokens("access1", "refresh1", 1000.0, 1900.0, 1e9))


@pytest_asyncio.fixture
async def session(auth: Auth, store: MemoryTokenStore) -> AsyncIterator[Session]:
    async with (
        httpx2.AsyncClient(transport=httpx2.MockTransport(auth.record)) as client,
        Session("http://chat.test", tokens=store, client=client, clock=lambda: auth.now) as session,
    ):
        yield session


async def test_a_good_token_is_used_as_it_is(session: Session, auth: Auth) -> None:
    assert await session.access_token() == "access1"
    assert auth.requests == []


async def test_a_token_about_to_expire_is_replaced_before_it_is_used(
    session: Session, auth: Auth, store: MemoryTokenStore
) -> None:
    auth.now = 1896.0
    assert await session.access_token() == "access2"
    assert auth.requests == [("/v1/auth/refresh", {"refresh_token": "refresh1"})]
    assert store.load() == Tokens("access2", "refresh2", 1896.0, 2796.0, 1896.0 + 2_592_000)


async def test_a_token_of_a_few_seconds_is_used_for_most_of_its_life(session: Session, auth: Auth) -> None:
    session._store.save(Tokens("short", "refresh1", 1000.0, 1002.0, 1e9))
    auth.now = 1001.0
    assert await session.access_token() == "short"
    auth.now = 1001.6
    assert await session.access_token() == "access2"


async def test_refreshing_is_single_flight(session: Session, auth: Auth) -> None:
    """Two requests with one refresh token would void each other's successor."""
    auth.gate = asyncio.Event()
    asked = [asyncio.create_task(session.refresh(stale="access1")) for _ in range(10)]
    await asyncio.sleep(0)
    auth.gate.set()
    assert await asyncio.gather(*asked) == ["access2"] * 10
    assert auth.paths() == ["/v1/auth/refresh"]


async def test_who_comes_late_with_an_old_token_gets_the_new_one(session: Session, auth: Auth) -> None:
    await session.refresh(stale="access1")
    assert await session.refresh(stale="access1") == "access2"
    assert auth.paths() == ["/v1/auth/refresh"]


async def test_each_successor_is_used_in_its_turn(session: Session, auth: Auth) -> None:
    for _ in range(3):
        await session.refresh()
    assert [body["refresh_token"] for _, body in auth.requests] == ["refresh1", "refresh2", "refresh3"]


async def test_a_lost_answer_costs_nothing(session: Session, auth: Auth, store: MemoryTokenStore) -> None:
    """The refresh token is kept until its successor has come, and then tried again."""

    async def lose(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("cut")

    auth.handler = lose
    with pytest.raises(ServerUnreachableError):
        await session.refresh()
    kept = store.load()
    assert kept is not None
    assert kept.refresh_token == "refresh1"
    auth.handler = auth.answer
    assert await session.refresh() == "access2"
    assert [body["refresh_token"] for _, body in auth.requests] == ["refresh1", "refresh1"]


async def test_a_caller_that_is_cancelled_does_not_stop_the_refresh(session: Session, auth: Auth) -> None:
    auth.gate = asyncio.Event()
    first = asyncio.create_task(session.refresh())
    second = asyncio.create_task(session.refresh())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    auth.gate.set()
    assert await second == "access2"
    assert first.cancelled()
    assert auth.paths() == ["/v1/auth/refresh"]


async def test_nobody_is_left_behind_when_all_callers_are_cancelled(session: Session, auth: Auth) -> None:
    auth.gate = asyncio.Event()
    only = asyncio.create_task(session.refresh())
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.sleep(0)
    auth.gate.set()
    assert await session.refresh(stale="access1") == "access2"


@pytest.mark.parametrize("code", ["invalid_token", "refresh_token_reused"])
async def test_a_refused_refresh_token_ends_the_session(
    session: Session, auth: Auth, store: MemoryTokenStore, code: str
) -> None:
    async def refuse(_: httpx2.Request) -> httpx2.Response:
        return problem(401, code)

    auth.handler = refuse
    with pytest.raises(SessionEndedError) as caught:
        await session.refresh()
    assert caught.value.code == code
    assert store.load() is None
    with pytest.raises(NotLoggedInError):
        await session.access_token()


@pytest.mark.parametrize("answer", [problem(503, "unavailable", retryable=True), problem(403, "account_suspended")])
async def test_other_refusals_leave_the_tokens_as_they_are(
    session: Session, auth: Auth, store: MemoryTokenStore, answer: httpx2.Response
) -> None:
    async def refuse(_: httpx2.Request) -> httpx2.Response:
        return answer

    auth.handler = refuse
    with pytest.raises(ChatApiError):
        await session.refresh()
    assert store.load() is not None


async def test_a_request_whose_token_has_expired_is_repeated_with_a_new_one(session: Session, auth: Auth) -> None:
    async def expired(request: httpx2.Request) -> httpx2.Response:
        if request.headers.get("Authorization") == "Bearer access1":
            return problem(401, "token_expired")
        return await auth.answer(request)

    auth.handler = expired
    assert await session.request("GET", "/v1/users/me") == {"token": "Bearer access2"}
    assert auth.paths() == ["/v1/users/me", "/v1/auth/refresh", "/v1/users/me"]


async def test_a_request_is_repeated_once(session: Session, auth: Auth) -> None:
    async def expired(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/v1/users/me":
            return problem(401, "token_expired")
        return await auth.answer(request)

    auth.handler = expired
    with pytest.raises(ChatApiError, match="token_expired"):
        await session.request("GET", "/v1/users/me")
    assert auth.paths() == ["/v1/users/me", "/v1/auth/refresh", "/v1/users/me"]


async def test_a_revoked_session_is_not_refreshed(session: Session, auth: Auth) -> None:
    async def revoked(_: httpx2.Request) -> httpx2.Response:
        return problem(401, "session_revoked")

    auth.handler = revoked
    with pytest.raises(ChatApiError, match="session_revoked"):
        await session.request("GET", "/v1/users/me")
    assert auth.paths() == ["/v1/users/me"]


async def test_logging_in_keeps_the_tokens(session: Session, auth: Auth, store: MemoryTokenStore) -> None:
    await session.log_in("ada", "a password & more")
    assert auth.requests == [("/v1/auth/login", "grant_type=password&username=ada&password=a+password+%26+more")]
    kept = store.load()
    assert kept is not None
    assert kept.access_token == "access2"
    assert "access2" not in repr(kept)


async def test_a_login_during_a_refresh_is_not_overwritten(
    session: Session, auth: Auth, store: MemoryTokenStore
) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()

    async def slow_refresh(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/v1/auth/refresh":
            asked.set()
            await gate.wait()
            return pair(99)
        return await auth.answer(request)

    auth.handler = slow_refresh
    refreshing = asyncio.create_task(session.refresh())
    await asked.wait()
    await session.log_in("ada", "another account")
    gate.set()
    assert await refreshing == "access2"
    kept = store.load()
    assert kept is not None
    assert kept.access_token == "access2"


async def test_logging_out_forgets_the_tokens(session: Session, auth: Auth, store: MemoryTokenStore) -> None:
    await session.log_out()
    await session.log_out()
    assert store.load() is None
    assert auth.paths() == ["/v1/auth/logout"]


async def test_logging_out_of_a_session_that_has_ended_succeeds(
    session: Session, auth: Auth, store: MemoryTokenStore
) -> None:
    async def revoked(_: httpx2.Request) -> httpx2.Response:
        return problem(401, "session_revoked")

    auth.handler = revoked
    await session.log_out()
    assert store.load() is None


async def test_an_answer_that_is_not_as_promised_is_said_to_be_so(session: Session, auth: Auth) -> None:
    async def odd(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"access_token": "a"} if "refresh" in request.url.path else ["list"])

    auth.handler = odd
    with pytest.raises(BadAnswerError):
        await session.refresh()
    with pytest.raises(BadAnswerError):
        await session.request("GET", "/v1/users/me")


async def test_an_answer_that_is_too_deep_to_be_read_is_none(session: Session, auth: Auth) -> None:
    async def deep(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content="[" * 100_000)

    auth.handler = deep
    with pytest.raises(BadAnswerError):
        await session.request("GET", "/v1/users/me")


@pytest.mark.parametrize(
    "options", [{"json": {"body": "\ud800"}}, {"query": {"username": "\ud800"}}, {"idempotency_key": "ké"}]
)
async def test_text_that_cannot_be_sent_is_refused_here(session: Session, auth: Auth, options: dict[str, Any]) -> None:
    with pytest.raises(ChatApiError, match="validation_error"):
        await session.request("POST", "/v1/x", **options)
    with pytest.raises(ChatApiError, match="validation_error"):
        await session.log_in("ada", "\ud800")
    assert auth.paths() == []


@pytest.mark.parametrize("address", ["chat.test", "ftp://chat.test", "http://", "http://chat.test/?a=b"])
def test_what_is_no_address_of_a_server_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        Session(address)


async def test_half_a_life_is_that_of_the_current_token(session: Session, auth: Auth) -> None:
    assert session.half_life_s("access1") == 450
    assert session.half_life_s("another") == 0
    auth.now = 1899.0
    assert session.half_life_s("access1") == 0

"""`token.expiring`: the connection gets a new access token before the old one runs out."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from chat_client.backoff import Backoff
from chat_client.connection import Answer
from chat_client.connector import TokenRenewal
from chat_client.errors import ChatApiError, ChatClientError, ServerUnreachableError, SessionEndedError
from chat_client.session import Session
from tests.unit.chat_client import wire
from tests.unit.chat_client.fake_connection import FakeConnection, refusal, settle


class FakeSession:
    """Hands out tokens; what is in `troubles` first."""

    def __init__(self, *troubles: ChatClientError) -> None:
        self.troubles = list(troubles)
        self.asked: list[str | None] = []
        self.half_life = 0.0
        self.number = 1

    def half_life_s(self, _: str) -> float:
        return self.half_life

    async def refresh(self, *, stale: str | None = None) -> str:
        await asyncio.sleep(0)
        self.asked.append(stale)
        if self.troubles:
            raise self.troubles.pop(0)
        self.number += 1
        return f"access{self.number}"


class Renewing:
    """A renewal at work on a connection."""

    def __init__(self, session: FakeSession) -> None:
        self.waits: list[float] = []
        self.connection = FakeConnection()
        self.renewal = TokenRenewal(
            cast("Session", session),
            backoff=Backoff(shortest_s=1.0, jitter=lambda _low, high: high),
            sleep=self.sleep,
        )
        self.running = asyncio.create_task(self.renewal.run(self.connection.typed))

    async def sleep(self, seconds: float) -> None:
        if seconds:
            self.waits.append(seconds)

    async def expiring(self) -> None:
        self.renewal.expiring()
        await settle()

    async def end(self) -> ChatClientError | None:
        self.connection.end()
        self.renewal.expiring()
        return await asyncio.wait_for(self.running, 5)


async def test_each_warning_brings_a_new_token() -> None:
    session = FakeSession()
    renewing = Renewing(session)
    given: list[tuple[str, wire.Json]] = []

    def take(kind: str, fields: wire.Json) -> Answer:
        given.append((kind, fields))
        return {"expires_at": wire.AT}

    renewing.connection.on_command = take
    await renewing.expiring()
    await renewing.expiring()
    assert given == [("token.refresh", {"access_token": "access2"}), ("token.refresh", {"access_token": "access3"})]
    assert session.asked == ["access1", "access2"]
    assert renewing.waits == []
    assert await renewing.end() is None


async def test_a_token_in_the_first_half_of_its_life_is_not_replaced_yet() -> None:
    session = FakeSession()
    session.half_life = 1.5
    renewing = Renewing(session)
    renewing.connection.on_command = lambda *_: {"expires_at": wire.AT}
    await renewing.expiring()
    assert renewing.waits == [1.5]
    assert await renewing.end() is None


@pytest.mark.parametrize("trouble", [ServerUnreachableError("down"), refusal("unavailable")])
async def test_a_trouble_that_may_pass_is_waited_for(trouble: ChatClientError) -> None:
    renewing = Renewing(FakeSession(trouble, trouble))
    renewing.connection.on_command = lambda *_: {"expires_at": wire.AT}
    await renewing.expiring()
    assert renewing.waits == [2.0, 4.0]
    assert renewing.connection.access_token == "access2"
    assert await renewing.end() is None


@pytest.mark.parametrize(
    "trouble",
    [SessionEndedError("refresh_token_reused", "", status=401), ChatApiError("account_suspended", "", status=403)],
)
async def test_the_end_of_the_session_is_the_end(trouble: ChatClientError) -> None:
    renewing = Renewing(FakeSession(trouble))
    renewing.renewal.expiring()
    assert await asyncio.wait_for(renewing.running, 5) is trouble


async def test_a_token_that_the_connection_cannot_take_does_not_stop_the_client() -> None:
    """After a new login the token is of another session: the connection ends with its own, the next takes the new."""
    renewing = Renewing(FakeSession())
    renewing.connection.on_command = lambda *_: refusal("invalid_token")
    await renewing.expiring()
    assert renewing.connection.access_token == "access1"
    assert not renewing.running.done()
    assert await renewing.end() is None

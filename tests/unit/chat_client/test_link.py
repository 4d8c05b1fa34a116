"""One connection after another, with the waits in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat_client.backoff import Backoff
from chat_client.connection import Connection
from chat_client.errors import (
    ChatClientError,
    ConnectionClosedError,
    HandshakeRefusedError,
    ServerUnreachableError,
    SessionEndedError,
)
from chat_client.link import Link
from tests.unit.chat_client.fake_connection import FakeConnection

STOPS = ConnectionClosedError(4500, "session_revoked")


class Play:
    """Lets a link live through `script`: errors of attempts, or of connections where they are wrapped in `Lived`."""

    def __init__(self, *script: ChatClientError | Lived) -> None:
        self.script = list(script)
        self.refreshes: list[bool] = []
        self.waits: list[float] = []
        self.troubles: list[ChatClientError] = []
        self.connections: list[Connection] = []
        self.link = Link(
            open_connection=self.open,
            serve=self.serve,
            on_trouble=lambda error, _: self.troubles.append(error),
            backoff=Backoff(jitter=lambda _low, high: high),
            sleep=self.sleep,
        )

    async def open(self, refresh: bool) -> Connection:  # noqa: FBT001 - as it is called
        self.refreshes.append(refresh)
        if isinstance(self.script[0], ChatClientError):
            raise self.script.pop(0)  # type: ignore[misc]
        return FakeConnection().typed

    async def serve(self, connection: Connection) -> ChatClientError:
        self.connections.append(connection)
        assert self.link.connection is connection
        lived = self.script.pop(0)
        assert isinstance(lived, Lived)
        lived.before(self.link)
        return lived.error

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


class Lived:
    """A connection that was had and ended with `error`."""

    def __init__(self, error: ChatClientError, before: Callable[[Link], None] = lambda _: None) -> None:
        self.error = error
        self.before = before


async def test_attempts_back_off_until_one_has_to_stop() -> None:
    play = Play(*[ServerUnreachableError("down")] * 6, SessionEndedError("invalid_token", ""))
    assert isinstance(await play.link.run(), SessionEndedError)
    assert play.waits == [1, 2, 4, 8, 16, 20]
    assert play.refreshes == [False] * 7
    assert len(play.troubles) == 6


async def test_connections_that_end_at_once_back_off_as_well() -> None:
    play = Play(*[Lived(ConnectionClosedError(4000, ""))] * 3, Lived(STOPS))
    assert await play.link.run() is STOPS
    assert play.waits == [1, 2, 4]


async def test_a_connection_that_lasted_makes_the_waits_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # The threshold, instead of five seconds of waiting.
    monkeypatch.setattr("chat_client.link._STABLE_S", 0.0)
    play = Play(ServerUnreachableError("down"), Lived(ConnectionClosedError(1006, "")), Lived(STOPS))
    monkeypatch.setattr("chat_client.link._STABLE_S", 0.0)
    await play.link.run()
    assert play.waits == [1, 1]


async def test_an_expired_token_is_refreshed_without_a_wait_the_first_time() -> None:
    expired = Lived(ConnectionClosedError(4005, "token_expired"))
    play = Play(expired, expired, Lived(STOPS))
    await play.link.run()
    assert play.refreshes == [False, True, True]
    assert play.waits == [0.0, 2]


async def test_a_refused_fresh_token_is_not_refreshed_again_and_again() -> None:
    expired = HandshakeRefusedError("token_expired", "", status=401)
    play = Play(expired, expired, expired, Lived(STOPS))
    await play.link.run()
    assert play.refreshes == [False, True, False, True]
    assert play.waits == [0.0, 2, 4]


async def test_the_server_says_how_long_to_wait() -> None:
    limited = HandshakeRefusedError("connection_limit", "", status=429, retryable=True, retry_after_ms=7000)
    play = Play(limited, Lived(ConnectionClosedError(4004, "rate_limited")), Lived(STOPS))
    await play.link.run()
    assert play.waits == [8, 62]


async def test_a_draining_server_is_left_alone_until_it_said() -> None:
    def drain(link: Link) -> None:
        link.draining_s = 3.0

    play = Play(Lived(ConnectionClosedError(4001, "draining"), drain), ServerUnreachableError("down"), Lived(STOPS))
    await play.link.run()
    assert play.waits == [4, 2]


async def test_who_waits_gets_the_next_connection_and_not_the_last_one() -> None:
    served = asyncio.Event()
    go_on = asyncio.Event()
    made: list[FakeConnection] = []

    async def open_connection(_: object) -> Connection:
        made.append(FakeConnection())
        return made[-1].typed

    async def serve(_: Connection) -> ChatClientError:
        served.set()
        await go_on.wait()
        go_on.clear()
        return ConnectionClosedError(1006, "") if len(made) == 1 else STOPS

    link = Link(
        open_connection=open_connection,
        serve=serve,
        on_trouble=lambda *_: None,
        backoff=Backoff(jitter=lambda *_: 0.0),
    )
    running = asyncio.create_task(link.run())
    first = await link.next_connection()
    assert first is made[0].typed
    waiting = asyncio.create_task(link.next_connection(after=first))
    go_on.set()
    assert await waiting is made[1].typed
    go_on.set()
    ended = await running
    assert ended is STOPS
    waiting = asyncio.create_task(link.next_connection())
    await asyncio.sleep(0)
    link.stop(ended)
    with pytest.raises(ConnectionClosedError):
        await waiting

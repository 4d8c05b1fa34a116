"""Short tokens, ended sessions and full servers: what a client does by itself, and where it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat_client import (
    ChatApiError,
    Connected,
    ConnectionClosedError,
    Disconnected,
    HandshakeRefusedError,
    MemoryTokenStore,
    Session,
    SessionEndedError,
    Tokens,
)
from tests.support.clients import Join, joining, meet
from tests.support.fixtures import MakeServer


@pytest_asyncio.fixture
async def join(server_with: MakeServer) -> AsyncIterator[Join]:
    async with joining(server_with) as starter:
        yield starter


async def test_a_connection_outlives_its_access_token(join: Join, server_with: MakeServer) -> None:
    # Two seconds to renew it: a busy machine takes one.
    server = server_with(ACCESS_TOKEN_SECONDS="3", TOKEN_WARNING_SECONDS="2")
    ada = await join(server)
    room = await meet(ada)
    ends = asyncio.get_running_loop().time() + 5
    while asyncio.get_running_loop().time() < ends:
        await ada.client.send(room.id, "still here")
        await asyncio.sleep(0.25)
    assert len(ada.of(Connected)) == 1
    assert ada.of(Disconnected) == []


async def test_a_token_that_is_always_about_to_expire_is_not_renewed_in_a_loop(
    join: Join, server_with: MakeServer
) -> None:
    """The server warns longer ahead than the token lives, so at once after each renewal."""
    server = server_with(ACCESS_TOKEN_SECONDS="2", TOKEN_WARNING_SECONDS="60")
    ada = await join(server)
    await ada.client.connected()
    before = len(server.find_logs("auth.token_refreshed", user_id=ada.id))
    await asyncio.sleep(3.5)
    assert len(ada.of(Connected)) == 1
    assert await ada.client.ping() < 5
    assert len(server.find_logs("auth.token_refreshed", user_id=ada.id)) - before < 10


async def test_after_4005_the_token_is_refreshed_first(join: Join, server_with: MakeServer) -> None:
    """The server warns only when it is too late, so the socket closes at the end of the token."""
    server = server_with(ACCESS_TOKEN_SECONDS="2", TOKEN_WARNING_SECONDS="0")
    ada = await join(server)
    room = await meet(ada)
    await ada.connections(3)
    codes = {e.error.code for e in ada.of(Disconnected) if isinstance(e.error, ConnectionClosedError)}
    assert codes <= {4005}
    assert (await ada.client.send(room.id, "still here")).body == "still here"


async def test_an_expired_token_at_the_handshake_is_refreshed(join: Join, server_with: MakeServer) -> None:
    """This machine's clock says that the token is good; the server's says that it is not."""
    server = server_with(ACCESS_TOKEN_SECONDS="2", TOKEN_WARNING_SECONDS="1")
    ada = await join(server)
    await ada.client.connected()
    await ada.client.aclose()
    kept = ada.session._store.load()
    assert kept is not None
    wrong = Tokens(kept.access_token, kept.refresh_token, kept.issued_at, kept.issued_at + 900, 1e12)
    await asyncio.sleep(2.5)
    session = Session(server.url, tokens=MemoryTokenStore(wrong))
    async with session:
        back = await join.again(session, ada.username, ada.password)
        assert (await back.client.connected(timeout_s=10)).username == ada.username
        refused = [e.error for e in back.of(Disconnected)]
        assert [e.code for e in refused if isinstance(e, HandshakeRefusedError)] == ["token_expired"]
        await back.client.aclose()


async def test_a_revoked_session_stops_the_client(join: Join) -> None:
    ada = await join()
    room = await meet(ada)
    current = next(session for session in await ada.client.rest.sessions() if session.current)
    other = await join.again(ada.session, ada.username, ada.password)
    await other.client.connected()
    await ada.client.rest.revoke_session(current.id)
    await ada.until(lambda: ada.error, "the end")
    assert isinstance(ada.error, ConnectionClosedError)
    assert ada.error.code == 4500
    with pytest.raises(ConnectionClosedError):
        await ada.client.send(room.id, "still here?")
    with pytest.raises(ConnectionClosedError):
        await ada.client.connected()
    with pytest.raises(ChatApiError, match="session_revoked"):
        await ada.client.rest.me()
    late = await join.again(ada.session, ada.username, ada.password)
    await late.until(lambda: late.error, "the refused handshake")
    assert isinstance(late.error, HandshakeRefusedError | SessionEndedError)


async def test_a_suspended_user_is_stopped(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    ada = await join(server)
    await ada.client.connected()
    assert server.run_cli("user", "suspend", ada.username).returncode == 0
    await ada.until(lambda: ada.error, "the end")
    assert isinstance(ada.error, ConnectionClosedError)
    assert ada.error.code == 4502


async def test_one_connection_too_many_waits_for_its_turn(join: Join, server_with: MakeServer) -> None:
    server = server_with(MAX_CONNECTIONS_PER_USER="1")
    ada = await join(server)
    await ada.client.connected()
    second = await join.again(ada.session, ada.username, ada.password)
    refused = await second.sees(Disconnected)
    assert isinstance(refused.error, HandshakeRefusedError)
    assert (refused.error.code, refused.error.status) == ("connection_limit", 429)
    assert refused.retry_in_s >= refused.error.retry_after_s
    await ada.client.aclose()
    assert (await second.client.connected(timeout_s=20)).username == ada.username

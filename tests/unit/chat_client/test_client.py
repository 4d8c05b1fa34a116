"""The whole client, where a real server would not go: answers outside the contract, troubles of every kind."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import httpx2
import pytest
from websockets.asyncio.server import ServerConnection

from chat_client import (
    AnyEvent,
    Backoff,
    BadAnswerError,
    ChatClient,
    ChatClientError,
    ClientClosedError,
    CommandTimeoutError,
    ConnectionClosedError,
    Disconnected,
    Event,
    Message,
    RoomJoined,
    SendTimeoutError,
    ServerUnreachableError,
    Session,
    SessionEndedError,
    Tokens,
)
from chat_client.session import MemoryTokenStore
from tests.unit.chat_client import wire
from tests.unit.chat_client.scripted_server import answer_all, scripted

at_once = partial(Backoff, shortest_s=0.0, longest_s=0.01)


async def welcome_and_wait(socket: ServerConnection) -> None:
    await socket.send(json.dumps(wire.welcome()))
    await socket.wait_closed()


def unreachable() -> Session:
    tokens = MemoryTokenStore(Tokens("access1", "refresh1", 0.0, 1e12, 1e12))
    return Session("http://127.0.0.1:9", tokens=tokens)


async def test_own_messages_come_as_events_too() -> None:
    async with scripted(answer_all) as session, ChatClient(session, backoff=at_once) as client:
        sent = [await client.send("r1", body) for body in ("one", "two")]
        events = client.events()
        seen: list[Message | None] = []
        while len(seen) < 2:
            event = await anext(events)
            if isinstance(event, Event):
                seen.append(event.message)
        assert seen == sent
        assert client.is_connected
        assert client.cursors()["r1"].seq == 2


async def test_a_welcome_outside_the_contract_is_a_failed_attempt() -> None:
    async def broken(socket: ServerConnection) -> None:
        await socket.send(json.dumps(wire.welcome({"id": "r1"})))
        await socket.wait_closed()

    async with scripted(broken, answer_all) as session, ChatClient(session, backoff=at_once) as client:
        trouble = await anext(client.events())
        assert isinstance(trouble, Disconnected)
        assert isinstance(trouble.error, BadAnswerError)
        assert (await client.send("r1", "hello")).body == "hello"


async def test_a_frame_outside_the_contract_costs_the_connection_and_nothing_else() -> None:
    async def breaks(socket: ServerConnection) -> None:
        await socket.send(json.dumps(wire.welcome(wire.room())))
        await socket.send("no json")
        await socket.wait_closed()

    async with scripted(breaks, answer_all) as session, ChatClient(session, backoff=at_once) as client:
        assert (await client.send("r1", "hello")).body == "hello"
        seen: list[AnyEvent] = []
        while not seen or not isinstance(seen[-1], Event):
            seen.append(await anext(client.events()))
        assert [event.error for event in seen if isinstance(event, Disconnected)] != []
        assert len([event for event in seen if isinstance(event, RoomJoined)]) == 1


async def test_a_server_that_speaks_another_protocol_is_not_talked_to() -> None:
    async with scripted(answer_all, subprotocols=None) as session, ChatClient(session, backoff=at_once) as client:
        trouble = await anext(client.events())
        assert isinstance(trouble, Disconnected)
        assert isinstance(trouble.error, BadAnswerError)


async def test_when_the_session_ends_during_a_renewal_the_client_stops() -> None:
    async def warns(socket: ServerConnection) -> None:
        await socket.send(json.dumps(wire.welcome()))
        await socket.send(json.dumps({"type": "token.expiring", "expires_at": wire.AT}))
        await socket.wait_closed()

    refused = httpx2.Response(401, json={"code": "refresh_token_reused", "detail": "", "retryable": False})
    async with scripted(warns, refresh=refused) as session:
        session._store.save(Tokens("access1", "refresh1", 0.0, 1.0, 1e12))
        session._clock = lambda: 0.6  # in the second half of the token's life
        async with ChatClient(session, backoff=at_once) as client:
            with pytest.raises(SessionEndedError):
                await client.send("r1", "hello")
            with pytest.raises(SessionEndedError):
                async for _ in client.events():
                    pass


async def test_commands_have_a_deadline() -> None:
    async with scripted(welcome_and_wait) as session, ChatClient(session, backoff=at_once) as client:
        with pytest.raises(CommandTimeoutError):
            await client.ping(timeout_s=0.05)
        with pytest.raises(SendTimeoutError) as caught:
            await client.send("r1", "hello", timeout_s=0.05)
        assert caught.value.may_exist
        assert str(caught.value) == "the message was not acknowledged in time"
        client.post("r1", "hello")
        with pytest.raises(CommandTimeoutError, match="1 messages"):
            await client.flush(timeout_s=0.05)


async def test_a_command_goes_on_over_the_next_connection() -> None:
    async def hangs_up(socket: ServerConnection) -> None:
        await socket.send(json.dumps(wire.welcome(wire.room())))
        await socket.recv()
        await socket.close(4000, "internal_error")

    async with scripted(hangs_up, answer_all) as session, ChatClient(session, backoff=at_once) as client:
        assert await client.ping(timeout_s=5) < 5


async def test_a_token_can_be_renewed_by_hand() -> None:
    pair = {"access_token": "access2", "expires_in": 900, "refresh_token": "refresh2", "refresh_expires_in": 9000}
    async with scripted(answer_all, refresh=httpx2.Response(200, json=pair)) as session:
        async with ChatClient(session, backoff=at_once) as client:
            await client.refresh_token()
        assert await session.access_token() == "access2"


async def test_without_a_server_attempts_go_on_and_calls_wait() -> None:
    async with unreachable() as session, ChatClient(session, backoff=at_once) as client:
        for _ in range(3):
            trouble = await anext(client.events())
            assert isinstance(trouble, Disconnected)
            assert isinstance(trouble.error, ServerUnreachableError)
        with pytest.raises(CommandTimeoutError):
            await client.connected(timeout_s=0.01)
        await client.set_typing("r1")
        assert not client.is_connected
        assert client.user is None
        with pytest.raises(SendTimeoutError) as caught:
            await client.send("r1", "hello", timeout_s=0.01)
        assert not caught.value.may_exist
        assert str(caught.value).endswith("and was not sent")


async def test_closing_ends_every_call_and_the_events() -> None:
    async with scripted(welcome_and_wait) as session:
        client = ChatClient(session, backoff=at_once)
        async with client:
            await client.connected()
            calls = [
                asyncio.create_task(client.send("r1", "hello")),
                asyncio.create_task(client.ping()),
                asyncio.create_task(client.flush()),
            ]
            await asyncio.sleep(0)
        for call in calls:
            with pytest.raises(ClientClosedError):
                await call
        assert [type(event).__name__ async for event in client.events()] == ["Connected"]
        await client.aclose()
        with pytest.raises(ClientClosedError):
            await client.send("r1", "hello")
        with pytest.raises(RuntimeError):
            await client.__aenter__()
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("chat_client")] == []


async def test_a_client_that_was_never_entered_can_be_closed() -> None:
    async with unreachable() as session:
        await ChatClient(session).aclose()


async def test_a_fault_of_the_client_itself_reaches_every_caller(caplog: pytest.LogCaptureFixture) -> None:
    async with unreachable() as session:
        client = ChatClient(session)

        async def fault() -> ChatClientError:
            raise RuntimeError("a bug")

        client._engine.link.run = fault  # type: ignore[method-assign]
        async with client:
            with pytest.raises(ChatClientError, match="the client failed") as caught:
                await client.connected()
            assert isinstance(caught.value.__cause__, RuntimeError)
    assert "the client failed" in caplog.text


def test_errors_say_what_happened() -> None:
    assert str(ConnectionClosedError(4001, "draining")) == "connection closed with 4001 draining"
    assert str(ConnectionClosedError(1006, "")) == "connection closed with 1006"

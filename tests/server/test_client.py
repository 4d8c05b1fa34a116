"""The client package against real server processes: talking, refusals, limits, and the REST routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat_client import (
    ChatApiError,
    Connected,
    Event,
    ReadMoved,
    SendFailed,
    Typing,
    open_client,
)
from chat_client.handshake import Way
from tests.support.clients import Join, joining, meet
from tests.support.fixtures import MakeServer
from tests.support.people import fresh_password
from tests.support.server import CANARY, ServerProcess


@pytest_asyncio.fixture
async def join(server_with: MakeServer) -> AsyncIterator[Join]:
    async with joining(server_with) as starter:
        yield starter


@pytest.mark.parametrize("way", ["header", "subprotocol", "ticket"])
async def test_each_way_of_showing_the_token_connects(join: Join, way: Way) -> None:
    ada = await join(way=way)
    user = await ada.client.connected(timeout_s=10)
    assert user.username == ada.username
    room = await meet(ada)
    message = await ada.client.send(room.id, f"{CANARY} hello")
    assert (message.body, message.author.id, message.seq) == (f"{CANARY} hello", user.id, 2)


async def test_everybody_sees_every_event_once_and_in_order(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    sent = [await someone.client.send(room.id, f"{n} {CANARY}") for n in range(5) for someone in (ada, bob)]
    for someone in (ada, bob):
        await someone.has_caught_up(room.id)
        assert [e.message for e in someone.of(Event) if e.room_id == room.id and e.message is not None] == sent
        assert all(not event.replayed for event in someone.of(Event))


async def test_all_commands(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    message = await ada.client.send(room.id, "helo")
    edited = await ada.client.edit(message.id, "hello")
    assert (edited.body, edited.seq) == ("hello", message.seq)
    assert await bob.client.mark_read(room.id, message.seq) == message.seq
    assert (await ada.sees(ReadMoved)).user.id == bob.id
    await bob.client.set_typing(room.id)
    assert (await ada.sees(Typing)).typing
    deleted = await ada.client.delete(message.id)
    assert deleted.deleted_at is not None
    assert await ada.client.ping() < 5
    page = await bob.client.history(room.id, limit=2)
    assert ([event.type for event in page.items], page.has_more) == (["room.created", "member.joined"], True)
    rest = await bob.client.history(room.id, after_seq=2, epoch=page.epoch)
    assert [event.type for event in rest.items] == ["message.created", "message.edited", "message.deleted"]
    await bob.has_caught_up(room.id)
    assert [kind for _, kind in bob.log(room.id)] == ["message.created", "message.edited", "message.deleted"]


async def test_many_sends_at_once_arrive_in_the_order_they_were_made(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    messages = await asyncio.gather(*(ada.client.send(room.id, str(number)) for number in range(60)))
    assert [message.body for message in messages] == [str(number) for number in range(60)]
    await bob.has_caught_up(room.id)
    assert bob.bodies(room.id) == [str(number) for number in range(60)]


async def test_with_a_pipeline_too(join: Join) -> None:
    ada = await join(pipeline=16)
    room = await meet(ada)
    await asyncio.gather(*(ada.client.send(room.id, str(number)) for number in range(100)))
    await ada.has_caught_up(room.id)
    assert ada.bodies(room.id) == [str(number) for number in range(100)]


async def test_one_key_makes_one_message(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    first = await ada.client.send(room.id, "once", idempotency_key="k1")
    assert await ada.client.send(room.id, "once", idempotency_key="k1") == first
    assert await ada.client.rest.send_message(room.id, "once", idempotency_key="k1") == first
    with pytest.raises(ChatApiError, match="idempotency_conflict"):
        await ada.client.send(room.id, "twice", idempotency_key="k1")
    await ada.client.send(room.id, "the end")
    await bob.has_caught_up(room.id)
    await ada.has_caught_up(room.id)
    assert ada.bodies(room.id) == bob.bodies(room.id) == ["once", "the end"]


async def test_a_definite_refusal_is_raised_and_holds_nobody_up(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada)
    hidden = await meet(bob, visibility="private")
    with pytest.raises(ChatApiError) as caught:
        await ada.client.send(hidden.id, "let me in")
    assert caught.value.code == "not_found"
    with pytest.raises(ChatApiError) as caught:
        await ada.client.send(room.id, "\x00")
    assert caught.value.code == "validation_error"
    with pytest.raises(ChatApiError) as caught:
        await ada.client.send(room.id, "x" * 70_000)
    assert caught.value.code == "too_large"
    ada.client.post(hidden.id, "nobody waits for this")
    assert (await ada.sees(SendFailed)).body == "nobody waits for this"
    assert (await ada.client.send(room.id, "still here")).body == "still here"
    assert len(ada.of(Connected)) == 1


async def test_a_message_beyond_the_rate_is_late_and_in_order(join: Join, server_with: MakeServer) -> None:
    server = server_with(RATE_LIMITS_ENABLED="true", RATE_LIMIT_MESSAGES="3/1 seconds")
    ada = await join(server)
    room = await meet(ada)
    for number in range(9):
        ada.client.post(room.id, str(number))
    await ada.client.flush(timeout_s=20)
    await ada.has_caught_up(room.id)
    assert ada.bodies(room.id) == [str(number) for number in range(9)]
    assert len(ada.of(Connected)) == 1


async def test_a_client_for_a_while(join: Join, server: ServerProcess) -> None:
    ada = await join(server)
    await ada.client.connected()
    async with open_client(server.url, ada.username, ada.password, backlog=None) as client:
        assert (await client.connected()).id == ada.id
        assert len(await ada.client.rest.sessions()) == 2
    assert len(await ada.client.rest.sessions()) == 1


async def test_accounts_and_rooms_over_rest(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    rest = ada.client.rest
    assert (await rest.update_me(display_name="Ada L.")).display_name == "Ada L."
    found = await rest.find_user(bob.username.upper())
    assert found is not None
    assert found.id == bob.id
    assert await rest.find_user("nobody-of-that-name") is None
    assert (await rest.user(bob.id)).username == bob.username
    assert {member.user.id async for member in rest.all_members(room.id)} == {ada.id, bob.id}
    assert room.id in [found.id async for found in rest.all_rooms()]
    assert room.id in [found.id async for found in rest.all_rooms(scope="public")]
    message = await rest.send_message(room.id, "hello")
    assert (await rest.edit_message(message.id, "hello!")).body == "hello!"
    assert [m.body for m in (await rest.messages(room.id, before_seq=message.seq + 1, limit=1)).items] == ["hello!"]
    await rest.delete_message(message.id)
    await rest.mark_read(room.id, message.seq)
    await rest.ban(room.id, bob.id, reason="spam")
    assert [(ban.user.id, ban.reason) for ban in (await rest.bans(room.id)).items] == [(bob.id, "spam")]
    await rest.unban(room.id, bob.id)
    await rest.delete_room(room.id)
    with pytest.raises(ChatApiError) as caught:
        await rest.room(room.id)
    assert caught.value.code == "not_found"
    with pytest.raises(ChatApiError) as caught:
        await rest.room("../users/me")
    assert caught.value.status in {404, 422}
    password = fresh_password()
    await rest.change_password(current_password=ada.password, new_password=password)
    assert ada.client.is_connected
    await rest.delete_me(password=password)
    await ada.until(lambda: ada.error, "the end of the account")

"""Rooms come and go under a client that is connected, or was not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat_client import (
    ChatApiError,
    Event,
    RoomJoined,
    RoomLeft,
)
from tests.support.clients import Join, Someone, joining, meet, whole_log
from tests.support.fixtures import MakeServer


@pytest_asyncio.fixture
async def join(server_with: MakeServer) -> AsyncIterator[Join]:
    async with joining(server_with) as starter:
        yield starter


async def test_rooms_come_and_go(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob, visibility="private")
    assert (await bob.sees(RoomJoined, room=bob.client.rooms[room.id])).room.name == room.name
    await ada.client.rest.update_room(room.id, topic="tea")
    await bob.until(lambda: bob.client.rooms[room.id].topic == "tea", "the topic")
    await ada.client.rest.put_member(room.id, bob.id, role="moderator")
    await bob.until(lambda: _role(bob, room.id) == "moderator", "the role")
    await ada.client.rest.remove_member(room.id, bob.id)
    await bob.sees(RoomLeft, room_id=room.id, reason="removed")
    assert room.id not in bob.client.rooms
    with pytest.raises(ChatApiError, match="not_found"):
        await bob.client.send(room.id, "still here?")


async def test_a_ban_ends_the_copy_and_lifting_it_begins_a_new_one(join: Join) -> None:
    ada, bob = await join(), await join(backlog=None)
    room = await meet(ada, bob)
    await ada.client.send(room.id, "before")
    await bob.has_caught_up(room.id)
    await ada.client.rest.ban(room.id, bob.id, reason="no")
    await bob.sees(RoomLeft, room_id=room.id, reason="banned")
    with pytest.raises(ChatApiError, match="banned"):
        await bob.client.send(room.id, "but")
    await ada.client.send(room.id, "meanwhile")
    await ada.client.rest.unban(room.id, bob.id)
    await bob.client.rest.put_member(room.id, bob.id)
    await ada.client.send(room.id, "after")
    left = next(n for n, event in enumerate(bob.seen) if isinstance(event, RoomLeft))
    log = await whole_log(ada, room.id)
    await bob.until(lambda: len([e for e in bob.seen[left:] if isinstance(e, Event)]) >= len(log), "the log anew")
    again = [(e.seq, e.type) for e in bob.seen[left:] if isinstance(e, Event)]
    assert again == log
    assert "meanwhile" not in [e.message.body for e in bob.seen[:left] if isinstance(e, Event) and e.message]


async def test_rooms_joined_and_left_while_away_are_told_of_at_the_return(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    ada, bob = await join(server), await join(server)
    old = await meet(ada, bob)
    await bob.client.aclose()
    await ada.client.rest.remove_member(old.id, bob.id)
    new = await ada.client.rest.create_room("another one")
    await ada.client.rest.put_member(new.id, bob.id)
    back = await join.again(bob.session, bob.username, bob.password, resume=bob.client.cursors())
    await back.sees(RoomLeft, room_id=old.id, reason="missing")
    await back.until(lambda: new.id in back.client.rooms, "the new room")
    assert new.id in [event.room.id for event in back.of(RoomJoined)]


def _role(someone: Someone, room_id: str) -> str | None:
    me = someone.client.rooms[room_id].me
    return None if me is None else me.role

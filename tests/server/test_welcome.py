"""`welcome`: the first frame, and all that a client needs to go on."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from tests.server.conversation import ROOM_FIELDS, TIME, ban, delete, done, read_room, remove, say, send
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.timestamps import seconds

pytestmark = pytest.mark.wire("welcome")


def claims_of(token: str) -> dict[str, Any]:
    """Read a token's claims without checking it."""
    part = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(claims, dict)
    return claims


async def test_it_says_who_one_is_and_what_holds(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    welcome = socket.welcome
    assert welcome.keys() == {
        *("type", "connection_id", "user", "server_time", "heartbeat_ms"),
        *("token_expires_at", "limits", "rooms"),
    }
    assert welcome["user"] == ada.user
    assert isinstance(welcome["connection_id"], str)
    assert welcome["heartbeat_ms"] == 25_000
    assert welcome["limits"] == {"frame_bytes": 65_536, "body_chars": 4_000, "messages": None}, "without rate limits"
    for name in ("server_time", "token_expires_at"):
        assert TIME.fullmatch(welcome[name])
    claims = claims_of(ada.access_token)
    assert seconds(welcome["token_expires_at"]) == claims["exp"]
    assert claims["iat"] - 2 <= seconds(welcome["server_time"]) <= claims["exp"]
    other = await ada.connect(by="ticket")
    assert other.welcome["connection_id"] != welcome["connection_id"]
    assert other.welcome["token_expires_at"] == welcome["token_expires_at"]


async def test_it_tells_the_limit_of_messages_and_the_heartbeat_that_are_set(
    person: MakePerson, server_with: MakeServer
) -> None:
    limited = server_with(RATE_LIMITS_ENABLED="true", RATE_LIMIT_MESSAGES="7/3 seconds", HEARTBEAT_SECONDS="11")
    ada = await person(server=limited)
    socket = await ada.connect()
    assert socket.welcome["limits"]["messages"] == {"count": 7, "window_seconds": 3}
    assert socket.welcome["heartbeat_ms"] == 11_000


async def test_it_lists_all_rooms_with_their_cursors_and_no_others(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    own, shared = await make_room(ada), await make_room(bob, ada, visibility="private")
    left, banned, foreign = await make_room(bob, ada), await make_room(bob, ada), await make_room(bob)
    await remove(ada, left, ada)
    await ban(bob, banned, ada)
    deleted = await make_room(bob, ada)
    done(await bob.http.delete(f"/v1/rooms/{deleted['id']}"), status=204)
    first = await say(bob, shared, "first")
    await say(bob, shared, "second")
    await delete(bob, first)

    rooms = {room["id"]: room for room in (await ada.connect()).welcome["rooms"]}
    assert rooms.keys() >= {own["id"], shared["id"]}
    assert len(rooms) == 3, "with the default room"
    assert not rooms.keys() & {left["id"], banned["id"], foreign["id"], deleted["id"]}
    for room in rooms.values():
        assert room.keys() == ROOM_FIELDS
        assert room == await read_room(ada, room)
    assert rooms[shared["id"]]["last_seq"] == 5
    assert (rooms[shared["id"]]["me"]["role"], rooms[shared["id"]]["me"]["unread_count"]) == ("member", 1)


async def test_it_comes_before_all_else_also_amid_traffic(person: MakePerson, make_room: MakeRoom) -> None:
    """`connect` fails where another frame is the first; commands sent before it came are answered behind it."""
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    writer = await ada.connect()
    ids = [await writer.post("message.send", room_id=room["id"], body=f"number {n}") for n in range(200)]
    sockets = await asyncio.gather(*(bob.connect() for _ in range(6)))
    for command_id in ids:
        await writer.answer(command_id)
    assert len({socket.welcome["connection_id"] for socket in sockets}) == 6
    for socket in sockets:
        await send(socket, room)


async def test_its_user_is_as_he_is_at_that_time(person: MakePerson) -> None:
    ada = await person()
    changed = done(await ada.http.patch("/v1/users/me", json={"display_name": "Ada L."}))
    assert (await ada.connect()).welcome["user"] == changed == ada.user | {"display_name": "Ada L."}

"""A ban is the user's: no other socket, session, token or way in gets around it."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from tests.server.conversation import (
    Json,
    add,
    ban,
    done,
    last_seq,
    of_room,
    promote,
    refused,
    say,
    unban,
)
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person
from tests.support.sockets import Socket, open_socket

WAYS: tuple[Literal["header", "subprotocol", "ticket"], ...] = ("header", "subprotocol", "ticket")


async def shut_out(socket: Socket, someone: Person, room: Json, message: Json, code: str) -> None:
    """Assert that on this socket and with this session's token the room is closed."""
    in_room = {"room_id": room["id"]}
    for command, fields in (
        ("message.send", in_room | {"body": "x"}),
        ("message.edit", {"message_id": message["id"], "body": "x"}),
        ("message.delete", {"message_id": message["id"]}),
        ("history.get", in_room | {"after_seq": 0}),
        ("read.mark", in_room | {"seq": 1}),
        ("typing.set", in_room | {"typing": True}),
    ):
        assert (await socket.error(command, **fields))["code"] == code, command
    path = f"/v1/rooms/{room['id']}"
    refused(await someone.http.put(f"{path}/members/{someone.id}", json={}), code)
    refused(await someone.http.get(f"{path}/events?after_seq=0"), code)
    refused(await someone.http.post(f"{path}/messages", json={"body": "x"}), code)
    assert await of_room(socket, room) == []


@pytest.mark.wire("banned")
@pytest.mark.parametrize(("visibility", "code"), [("public", "banned"), ("private", "not_found")])
async def test_no_other_way_in_gets_around_a_ban(
    person: MakePerson, make_room: MakeRoom, visibility: str, code: str
) -> None:
    """A socket that was open, a ticket from before, another session, a refreshed token, a reconnect by each way."""
    ada, bob, eve = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob, eve, visibility=visibility)
    await add(ada, room, eve, "moderator")
    message = await say(bob, room)
    phone = await bob.second_session()
    sockets = [await bob.connect(), await phone.connect()]
    ticket = await bob.ticket()
    await ban(ada, room, bob)
    before = await last_seq(ada, room)

    for socket in sockets:
        assert (await socket.next("room.left"))["reason"] == "banned"
        assert [frame for frame in await of_room(socket, room) if frame["type"] != "message.created"] == []
        socket._inbox.clear()
    tablet = await bob.second_session()
    early = await open_socket(f"{bob.server.ws_url}?ticket={ticket}")
    bob.sockets.append(early)
    refreshed = done(await bob.http.post("/v1/auth/refresh", json={"refresh_token": bob.refresh_token}))
    bob.use(refreshed)
    await sockets[0].ok("token.refresh", access_token=bob.access_token)
    tries = [(sockets[0], bob), (sockets[1], phone), (early, bob), (await tablet.connect(), tablet)]
    tries += [(await bob.connect(by=way), bob) for way in WAYS]
    for socket, session in tries:
        assert room["id"] not in {entry["id"] for entry in socket.welcome["rooms"]} or socket in sockets
        await shut_out(socket, session, room, message, code)
    for friend in (ada, eve):
        refused(await friend.http.put(f"/v1/rooms/{room['id']}/members/{bob.id}", json={}), "banned")
    assert await last_seq(ada, room) == before
    assert not [frame for frame in (await sockets[0].ok("ping"), *sockets[0].inbox) if frame.get("room_id")]


@pytest.mark.wire("banned")
async def test_an_idempotency_key_shows_a_banned_user_his_own_message_and_nothing_else(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    mine = await say(bob, room, "mine", key="k")
    await say(ada, room, "theirs", key="other")
    await ban(ada, room, bob)
    socket = await bob.connect()
    before = await last_seq(ada, room)
    again = await socket.ok("message.send", room_id=room["id"], body="mine", idempotency_key="k")
    assert again == {"message": mine, "duplicate": True}
    for key in ("other", "new"):
        error = await socket.error("message.send", room_id=room["id"], body="theirs", idempotency_key=key)
        assert error["code"] == "banned"
    assert await last_seq(ada, room) == before


@pytest.mark.wire("banned")
async def test_a_banned_user_who_becomes_admin_is_an_owner_of_public_rooms_and_a_stranger_to_private_ones(
    person: MakePerson, make_room: MakeRoom
) -> None:
    """An admin has the owner's rights in public rooms, a ban or not: only the command line makes one."""
    ada, bob = await asyncio.gather(person(), person())
    public, private = await make_room(ada, bob), await make_room(ada, bob, visibility="private")
    for room in (public, private):
        await ban(ada, room, bob)
    await promote(bob)
    await say(bob, public)
    refused(await bob.http.get(f"/v1/rooms/{private['id']}/messages"), "not_found")
    refused(await bob.http.delete(f"/v1/rooms/{private['id']}/bans/{bob.id}"), "not_found")
    await unban(ada, private, bob)

"""Admins: an owner's rights in public rooms, and no more than anyone's in private ones."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import add, ban, done, log_of, promote, read_room, refused, remove, say, types
from tests.support.fixtures import MakePerson, MakeRoom


@pytest.mark.wire("DELETE /v1/rooms/{room_id}")
async def test_an_admin_rules_public_rooms_without_being_in_them(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, root = await asyncio.gather(person(), person(), person())
    await promote(root)
    room = await make_room(ada, bob)
    message = await say(bob, room)
    path = f"/v1/rooms/{room['id']}"
    assert (await read_room(root, room))["me"] is None
    assert done(await root.http.patch(path, json={"topic": "tidy"}))["topic"] == "tidy"
    assert done(await root.http.get(f"{path}/messages"))["items"] == [message]
    done(await root.http.delete(f"/v1/messages/{message['id']}"), status=204)
    assert (await add(root, room, bob, "owner"))["role"] == "owner"
    await remove(root, room, bob)
    await ban(root, room, bob)
    log = await log_of(ada, room)
    assert types(log)[3:] == [
        *("room.updated", "message.deleted", "member.role_changed"),
        *("member.removed", "member.banned"),
    ]
    assert all(event["actor"] == root.ref for event in log[3:])
    done(await root.http.delete(path), status=204)
    refused(await ada.http.get(path), "not_found")


@pytest.mark.wire("not_found")
async def test_an_admin_is_nobody_in_private_rooms(person: MakePerson, make_room: MakeRoom) -> None:
    """Nor does he take the last owner from a room, be he that owner himself."""
    ada, bob, root = await asyncio.gather(person(), person(), person())
    await promote(root)
    room = await make_room(ada, bob, visibility="private")
    message = await say(bob, room)
    path = f"/v1/rooms/{room['id']}"
    refused(await root.http.get(path), "not_found")
    refused(await root.http.delete(path), "not_found")
    refused(await root.http.put(f"{path}/members/{root.id}", json={}), "not_found")
    refused(await root.http.delete(f"/v1/messages/{message['id']}"), "not_found")

    await add(ada, room, root)
    refused(await root.http.patch(path, json={"topic": "tidy"}), "forbidden")
    refused(await root.http.put(f"{path}/bans/{bob.id}", json={}), "forbidden")
    refused(await root.http.put(f"{path}/members/{root.id}", json={"role": "owner"}), "forbidden")
    refused(await root.http.delete(f"/v1/messages/{message['id']}"), "forbidden")
    refused(await root.http.delete(path), "forbidden")

    own = await make_room(root)
    refused(await root.http.delete(f"/v1/rooms/{own['id']}/members/{root.id}"), "last_owner")
    refused(await root.http.put(f"/v1/rooms/{own['id']}/members/{root.id}", json={"role": "member"}), "last_owner")


@pytest.mark.wire("forbidden")
async def test_promotion_and_demotion_reach_live_sockets(person: MakePerson, make_room: MakeRoom) -> None:
    ada, root = await asyncio.gather(person(), person())
    room = await make_room(ada)
    first, second, third = [await say(ada, room, body) for body in ("first", "second", "third")]
    socket = await root.connect()
    assert (await socket.error("message.delete", message_id=first["id"]))["code"] == "forbidden"
    await promote(root)
    async with asyncio.timeout(1):
        while (await socket.command("message.delete", message_id=first["id"]))["type"] == "error":
            pass
    await socket.ok("message.delete", message_id=second["id"])

    run = await asyncio.to_thread(root.server.run_cli, "user", "demote", root.username)
    assert run.returncode == 0, run.stderr
    async with asyncio.timeout(5):
        while (await socket.command("message.delete", message_id=second["id"]))["type"] == "ack":
            pass
    assert (await socket.error("message.delete", message_id=third["id"]))["code"] == "forbidden"
    async with asyncio.timeout(1):
        while (answer := await root.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "tidy"})).is_success:
            pass
    refused(answer, "forbidden")

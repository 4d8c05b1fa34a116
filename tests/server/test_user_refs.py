"""People in rooms are shown as they are now, wherever they are shown; also after they are gone."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.server.conversation import Json, add, ban, done, heard, log_of, quiet, read_room, refused, say, send, types
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person


async def refs_of(reader: Person, room: Json, user_id: str) -> list[Json]:
    """Give every `UserRef` of a user that a member can read in a room."""
    path = f"/v1/rooms/{room['id']}"
    socket = await reader.connect()
    shown: list[object] = [
        done(await reader.http.get(f"{path}/messages")),
        done(await reader.http.get(f"{path}/members")),
        done(await reader.http.get(f"{path}/bans")),
        await log_of(reader, room),
        await socket.ok("history.get", room_id=room["id"], after_seq=0),
    ]
    await socket.close()
    found: list[Json] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if value.get("id") == user_id:
                found.append(value)
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(shown)
    return found


@pytest.mark.wire("PATCH /v1/users/me")
async def test_a_new_display_name_shows_everywhere_at_once(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob)
    await add(ada, room, bob, "moderator")
    await say(bob, room)
    await ban(bob, room, cyd)
    before = await refs_of(ada, room, bob.id)
    # messages, members, bans; in the log and in history: joined, role_changed, created (actor, author), banned
    assert len(before) >= 3 + 2 * 5
    assert {tuple(ref.items()) for ref in before} == {tuple(bob.ref.items())}

    reader, own = await ada.connect(), await bob.connect()
    bob.user = done(await bob.http.patch("/v1/users/me", json={"display_name": "Bob the Builder"}))
    cyd.user = done(await cyd.http.patch("/v1/users/me", json={"display_name": "Cyd"}))
    assert bob.ref["display_name"] == "Bob the Builder"
    after = await refs_of(ada, room, bob.id)
    assert after == [bob.ref] * len(before)
    assert {ref["display_name"] for ref in await refs_of(ada, room, cyd.id)} == {"Cyd"}

    message = await send(own, room)
    assert message["author"] == bob.ref
    (event,) = await heard(reader, room, message["seq"])
    assert (event["actor"], event["message"]["author"]) == (bob.ref, bob.ref)
    await own.ok("typing.set", room_id=room["id"], typing=True)
    assert (await reader.next("typing"))["user"] == bob.ref
    await own.ok("read.mark", room_id=room["id"], seq=message["seq"])
    assert (await reader.next("read"))["user"] == bob.ref


@pytest.mark.wire("DELETE /v1/users/me")
@pytest.mark.wire("member.left")
async def test_who_deletes_his_account_leaves_his_rooms_and_his_messages_stay(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room, private = await make_room(ada, bob), await make_room(ada, bob, visibility="private")
    messages = [await say(bob, where, "staying") for where in (room, private)]
    reader = await ada.connect()
    done(await bob.http.request("DELETE", "/v1/users/me", json={"password": bob.password}), status=204)

    for where, message in zip((room, private), messages, strict=True):
        (left,) = await heard(reader, where, 4)
        assert (left["type"], left["user"]["id"]) == ("member.left", bob.id)
        assert (await read_room(ada, where))["member_count"] == 1
        (kept,) = done(await ada.http.get(f"/v1/rooms/{where['id']}/messages"))["items"]
        assert kept == message | {"author": kept["author"]}
        refs = await refs_of(ada, where, bob.id)
        assert {tuple(ref.items()) for ref in refs} == {tuple(kept["author"].items())}
        gone = kept["author"]
        assert gone.keys() == {"id", "username", "display_name"}
        assert re.fullmatch(r"deleted-[0-9a-f]{8}", gone["username"])
        assert gone["display_name"] == gone["username"]
        assert types(await log_of(ada, where)) == ["room.created", "member.joined", "message.created", "member.left"]
    await quiet(reader, room)
    refused(await ada.http.put(f"/v1/rooms/{private['id']}/members/{bob.id}", json={}), "not_found", "forbidden")


@pytest.mark.wire("last_owner")
async def test_the_last_owner_of_a_room_cannot_delete_his_account(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    first, second = await make_room(ada, bob), await make_room(bob, ada)
    logs = [await log_of(ada, room) for room in (first, second)]
    body = {"password": ada.password}
    refused(await ada.http.request("DELETE", "/v1/users/me", json=body), "last_owner")
    assert [await log_of(ada, room) for room in (first, second)] == logs, "all or nothing"
    assert (await read_room(bob, first))["member_count"] == 2
    refused(await ada.http.request("DELETE", "/v1/users/me", json={"password": "not this one"}), "invalid_credentials")
    await add(ada, first, bob, "owner")
    done(await ada.http.request("DELETE", "/v1/users/me", json=body), status=204)
    assert types(await log_of(bob, first))[-1] == types(await log_of(bob, second))[-1] == "member.left"


@pytest.mark.wire("account_suspended")
async def test_a_suspended_user_stays_a_member_and_the_messages_stay(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    message = await say(bob, room)
    socket, other = await bob.connect(), await ada.connect()
    run = await asyncio.to_thread(bob.server.run_cli, "user", "suspend", bob.username)
    assert run.returncode == 0, run.stderr
    assert await socket.closed() == (4502, "account_suspended")
    await quiet(other, room)
    assert types(await log_of(ada, room)) == ["room.created", "member.joined", "message.created"]
    assert (await read_room(ada, room))["member_count"] == 2
    assert done(await ada.http.get(f"/v1/rooms/{room['id']}/messages"))["items"] == [message]

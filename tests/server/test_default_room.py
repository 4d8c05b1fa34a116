"""`general`: there from the first start, everyone in it, nobody's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.server.conversation import Json, ban, done, join, log_of, promote, quiet, read_room, refused, say, unban
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import Person, http_client, login
from tests.support.server import ServerProcess, run_chat


async def find_general(person: Person) -> Json:
    (room,) = (item for item in done(await person.http.get("/v1/rooms"))["items"] if item["name"] == "general")
    return dict(room)


@pytest.mark.wire("room.created")
async def test_nobody_made_it_and_everyone_is_a_member(person: MakePerson) -> None:
    ada = await person()
    general = await find_general(ada)
    assert general["visibility"] == "public"
    assert general["me"]["role"] == "member"
    page = done(await ada.http.get(f"/v1/rooms/{general['id']}/events", params={"after_seq": 0, "limit": 1}))
    (created,) = page["items"]
    assert (created["type"], created["seq"], created["actor"]) == ("room.created", 1, None)
    assert created["room"].items() >= {name: general[name] for name in ("id", "name", "visibility")}.items()


@pytest.mark.wire("DELETE /v1/users/me")
async def test_coming_by_sign_up_and_going_by_deletion_write_no_event(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    before = await find_general(ada)
    bob = await person()
    with_bob = await find_general(ada)
    assert with_bob == before | {"member_count": before["member_count"] + 1}
    seen = (await find_general(bob))["me"]
    assert (seen["role"], seen["unread_count"]) == ("member", 0)
    done(await bob.http.request("DELETE", "/v1/users/me", json={"password": bob.password}), status=204)
    assert await find_general(ada) == before
    await quiet(socket, before)


@pytest.mark.wire("forbidden")
async def test_it_can_be_neither_left_nor_changed_nor_deleted(person: MakePerson) -> None:
    ada, bob = await asyncio.gather(person(), person())
    general = await find_general(ada)
    path = f"/v1/rooms/{general['id']}"
    refused(await ada.http.delete(f"{path}/members/{ada.id}"), "forbidden")
    refused(await ada.http.delete(path), "forbidden")
    refused(await ada.http.patch(path, json={"topic": "mine"}), "forbidden")
    refused(await ada.http.put(f"{path}/members/{ada.id}", json={"role": "owner"}), "forbidden")
    refused(await ada.http.delete(f"{path}/members/{bob.id}"), "forbidden")
    refused(await ada.http.put(f"{path}/bans/{bob.id}", json={}), "forbidden")
    assert (await find_general(ada))["me"]["role"] == "member"


@pytest.mark.wire("banned")
async def test_an_admin_keeps_order_in_it_but_cannot_delete_it_either(person: MakePerson) -> None:
    ada, bob = await asyncio.gather(person(), person())
    await promote(ada)
    general = await find_general(ada)
    path = f"/v1/rooms/{general['id']}"
    refused(await ada.http.delete(path), "forbidden")
    refused(await ada.http.delete(f"{path}/members/{ada.id}"), "forbidden")
    message = await say(bob, general, "spam")
    done(await ada.http.delete(f"/v1/messages/{message['id']}"), status=204)
    await ban(ada, general, bob)
    refused(await bob.http.post(f"{path}/messages", json={"body": "x"}), "banned")
    await unban(ada, general, bob)
    assert (await join(bob, general))["role"] == "member"
    await say(bob, general)


async def test_it_is_made_once_and_survives_a_restart(person: MakePerson, make_server: MakeServer) -> None:
    own = make_server(DEFAULT_ROOM="Lobby")
    ada = await person(server=own)
    (lobby,) = done(await ada.http.get("/v1/rooms"))["items"]
    assert lobby["name"] == "Lobby"
    message = await say(ada, lobby)
    await asyncio.to_thread(own.restart)
    assert done(await ada.http.get("/v1/rooms", params={"scope": "public"}))["items"] == [await read_room(ada, lobby)]
    assert (await log_of(ada, lobby))[1]["message"] == message
    assert (await read_room(ada, lobby))["epoch"] == lobby["epoch"]


async def test_an_account_made_before_the_first_start_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    password = "correct horse battery"
    made = await asyncio.to_thread(run_chat, folder, "user", "create", "ada", "--password-stdin", text=password)
    assert made.returncode == 0, made.stderr
    server = await asyncio.to_thread(ServerProcess.start, folder)
    try:
        async with http_client(server) as http:
            token = done(await login(http, "ada", password))["access_token"]
            rooms = done(await http.get("/v1/rooms", headers={"Authorization": f"Bearer {token}"}))["items"]
        assert [room["name"] for room in rooms] == ["general"]
    finally:
        await asyncio.to_thread(server.kill)

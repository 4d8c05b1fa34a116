"""Deleting the own account: the person goes, what was said stays under a name that says nothing."""

from __future__ import annotations

import re

import httpx2
import pytest

from tests.server.conversation import done, log_of, say
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person, fresh_password, login, signup
from tests.support.problems import check_problem
from tests.support.raw import handshake

pytestmark = pytest.mark.wire("DELETE /v1/users/me")


async def delete_me(person: Person, password: str) -> httpx2.Response:
    """Ask for the end of the account."""
    return await person.http.request("DELETE", "/v1/users/me", json={"password": password})


async def test_the_account_ends_with_its_sessions_sockets_and_name(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    other = await ada.second_session()
    socket, others_socket = await ada.connect(), await other.connect()
    ticket = await ada.ticket()

    done(await delete_me(ada, ada.password), status=204)
    assert await socket.closed(timeout_s=1) == (4500, "session_revoked")
    assert await others_socket.closed(timeout_s=1) == (4500, "session_revoked")
    for gone in (ada, other):
        check_problem(await gone.http.get("/v1/users/me"), 401, "session_revoked")
        answer = await gone.http.post("/v1/auth/refresh", json={"refresh_token": gone.refresh_token})
        check_problem(answer, 401, "invalid_token")
        check_problem(await handshake(ada.server, token=gone.access_token), 401, "session_revoked")
    assert (await handshake(ada.server, target=f"/v1/ws?ticket={ticket}")).status_code == 401
    check_problem(await login(eve.http, ada.username, ada.password), 401, "invalid_credentials")

    shown = done(await eve.http.get(f"/v1/users/{ada.id}"))
    assert re.fullmatch(r"deleted-[0-9a-f]{8}", shown["username"])
    assert shown["display_name"] == shown["username"]
    assert shown["id"] == ada.id


async def test_the_old_name_stays_taken_and_is_found_no_more(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    done(await delete_me(ada, ada.password), status=204)
    assert done(await eve.http.get("/v1/users", params={"username": ada.username})) == {"items": []}
    check_problem(await signup(eve.http, ada.username, fresh_password()), 409, "username_taken")
    check_problem(await signup(eve.http, ada.username.upper(), fresh_password()), 409, "username_taken")


async def test_rooms_are_left_and_messages_stay(person: MakePerson, make_room: MakeRoom) -> None:
    owner, ada = await person(), await person()
    room = await make_room(owner, ada)
    message = await say(ada, room)
    watch = await owner.connect()

    done(await delete_me(ada, ada.password), status=204)
    left = await watch.next("member.left", room_id=room["id"])
    assert left["user"]["id"] == ada.id
    assert left["seq"] == message["seq"] + 1
    members = done(await owner.http.get(f"/v1/rooms/{room['id']}/members"))["items"]
    assert [member["user"]["id"] for member in members] == [owner.id]
    (kept,) = done(await owner.http.get(f"/v1/rooms/{room['id']}/messages"))["items"]
    assert kept["body"] == message["body"]
    assert re.fullmatch(r"deleted-[0-9a-f]{8}", kept["author"]["username"])
    assert ada.username not in str(await log_of(owner, room))


async def test_leaving_general_with_the_account_writes_no_event(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    (general,) = done(await eve.http.get("/v1/rooms"))["items"]
    done(await delete_me(ada, ada.password), status=204)
    events = await log_of(eve, general)
    assert not [event for event in events if event["type"].startswith("member.")]


@pytest.mark.wire("invalid_credentials")
async def test_the_wrong_password_deletes_nobody(person: MakePerson) -> None:
    ada = await person()
    check_problem(await delete_me(ada, fresh_password()), 403, "invalid_credentials")
    assert done(await ada.http.get("/v1/users/me")) == ada.user


@pytest.mark.wire("last_owner")
async def test_the_last_owner_of_a_room_hands_it_on_first(person: MakePerson, make_room: MakeRoom) -> None:
    ada, eve = await person(), await person()
    room = await make_room(ada, eve)
    check_problem(await delete_me(ada, ada.password), 409, "last_owner")
    assert done(await ada.http.get("/v1/users/me")) == ada.user
    done(await ada.http.put(f"/v1/rooms/{room['id']}/members/{eve.id}", json={"role": "owner"}))
    done(await delete_me(ada, ada.password), status=204)
    assert done(await eve.http.get(f"/v1/rooms/{room['id']}"))["member_count"] == 1


@pytest.mark.parametrize("body", ["", "{}", '{"password": null}', '{"password": "x", "force": true}', "x"])
async def test_a_malformed_request_deletes_nobody(person: MakePerson, body: str) -> None:
    ada = await person()
    json = {"Content-Type": "application/json"}
    response = await ada.http.request("DELETE", "/v1/users/me", content=body, headers=json)
    check_problem(response, 422, "validation_error")
    assert done(await ada.http.get("/v1/users/me")) == ada.user

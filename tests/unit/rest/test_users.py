"""`/v1/users` through the whole application: the own profile, and finding others."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import NOBODY
from tests.support.inside import PASSWORD, Inside
from tests.support.problems import check_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_everybody_reads_everybody(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    me = (await ada.http.get("/v1/users/me")).json()
    assert me.keys() == {"id", "username", "display_name", "role", "created_at"}
    assert (me["id"], me["username"], me["role"]) == (ada.id, ada.user.username, "user")
    assert (await bob.http.get(f"/v1/users/{ada.id}")).json() == me
    assert (await bob.http.get(f"/v1/users/{ada.id.upper()}")).json() == me
    check_problem(await bob.http.get(f"/v1/users/{NOBODY}"), 404, "not_found")
    check_problem(await bob.http.get("/v1/users/somebody"), 422, "validation_error")


async def test_a_user_is_found_by_the_whole_name_in_any_case(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())

    async def find(text: str) -> list[str]:
        answer = await bob.http.get("/v1/users", params={"username": text})
        assert answer.status_code == 200
        return [user["id"] for user in answer.json()["items"]]

    assert await find(ada.user.username.upper()) == [ada.id]
    assert await find(ada.user.username[:-1]) == []
    assert await find("no username at all") == []
    check_problem(await bob.http.get("/v1/users"), 422, "validation_error")
    check_problem(await bob.http.get("/v1/users", params={"username": "ada", "name": "x"}), 422, "validation_error")


async def test_a_display_name_is_changed_for_all_to_see(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    answer = await ada.http.patch("/v1/users/me", json={"display_name": "  Ada Lovelace "})
    assert answer.status_code == 200
    assert answer.json()["display_name"] == "Ada Lovelace"
    assert (await bob.http.get(f"/v1/users/{ada.id}")).json() == answer.json()
    for body in ({"display_name": ""}, {"display_name": "a" * 65}, {"username": "ada"}, {}, ["ada"]):
        check_problem(await ada.http.patch("/v1/users/me", json=body), 422, "validation_error")


async def test_a_deleted_account_is_gone_but_for_its_id(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    refused = await ada.http.request("DELETE", "/v1/users/me", json={"password": "not the password"})
    check_problem(refused, 403, "invalid_credentials")
    assert (await ada.http.request("DELETE", "/v1/users/me", json={"password": PASSWORD})).status_code == 204
    check_problem(await ada.http.get("/v1/users/me"), 401, "session_revoked")
    seen = (await bob.http.get(f"/v1/users/{ada.id}")).json()
    assert seen["username"] == seen["display_name"]
    assert seen["username"].startswith("deleted-")
    assert (await bob.http.get("/v1/users", params={"username": ada.user.username})).json() == {"items": []}


async def test_the_last_owner_of_a_room_cannot_go(inside: Inside) -> None:
    ada = await inside.person()
    room_id = await ada.make_room()
    refused = await ada.http.request("DELETE", "/v1/users/me", json={"password": PASSWORD})
    check_problem(refused, 409, "last_owner")
    assert (await ada.http.get(f"/v1/rooms/{room_id}")).json()["me"]["role"] == "owner"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/me"), ("PATCH", "/me"), ("DELETE", "/me"), ("GET", f"/{NOBODY}"), ("GET", "?username=ada")],
)
async def test_without_a_token_nobody_is_shown(inside: Inside, method: str, path: str) -> None:
    answer = await (await inside.client()).request(method, f"/v1/users{path}")
    check_problem(answer, 401, "missing_token")

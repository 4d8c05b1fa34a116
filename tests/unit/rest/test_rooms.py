"""`/v1/rooms` through the whole application: what each route takes, answers and refuses."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.server.conversation import NOBODY, ROOM_FIELDS
from tests.support.inside import Inside
from tests.support.problems import check_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_makes_a_room_owns_it(inside: Inside) -> None:
    ada = await inside.person()
    name = f"tea {secrets.token_hex(4)}"
    answer = await ada.http.post("/v1/rooms", json={"name": f" {name} ", "visibility": "private"})
    assert answer.status_code == 201
    room = answer.json()
    assert room.keys() == ROOM_FIELDS
    assert (room["name"], room["topic"], room["visibility"]) == (name, "", "private")
    assert (room["last_seq"], room["member_count"]) == (1, 1)
    assert (room["me"]["role"], room["me"]["read_seq"], room["me"]["unread_count"]) == ("owner", 1, 0)
    assert (await ada.http.get(f"/v1/rooms/{room['id']}")).json() == room


@pytest.mark.parametrize(
    "body",
    [
        {"name": "tea"},
        {"visibility": "public"},
        {"name": "", "visibility": "public"},
        {"name": "a\nb", "visibility": "public"},
        {"name": "tea", "visibility": "secret"},
        {"name": "tea", "visibility": "public", "topic": "a" * 257},
        {"name": "tea", "visibility": "public", "owner": "me"},
    ],
)
async def test_a_room_that_breaks_a_rule_is_not_made(inside: Inside, body: dict[str, str]) -> None:
    ada = await inside.person()
    check_problem(await ada.http.post("/v1/rooms", json=body), 422, "validation_error")
    listed = (await ada.http.get("/v1/rooms")).json()["items"]
    assert [room["name"] for room in listed] == ["general"]


async def test_the_name_of_a_public_room_is_taken_whatever_its_case(inside: Inside) -> None:
    ada = await inside.person()
    name = f"Straße {secrets.token_hex(4)}"
    first, second = await ada.make_room(name=name), await ada.make_room()
    same = {"name": name.upper(), "visibility": "public"}
    check_problem(await ada.http.post("/v1/rooms", json=same), 409, "room_name_taken")
    check_problem(await ada.http.patch(f"/v1/rooms/{second}", json={"name": name.upper()}), 409, "room_name_taken")
    assert (await ada.http.post("/v1/rooms", json=same | {"visibility": "private"})).status_code == 201
    assert (await ada.http.delete(f"/v1/rooms/{first}")).status_code == 204
    assert (await ada.http.post("/v1/rooms", json=same)).status_code == 201


async def test_rooms_are_listed_in_pages_the_own_ones_or_all_that_are_public(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    made = {await ada.make_room(visibility=visibility) for visibility in ("public", "private", "public")}

    async def walk(**query: str) -> list[str]:
        seen: list[str] = []
        params: dict[str, str | int] = {"limit": 2, **query}
        while True:
            page = (await ada.http.get("/v1/rooms", params=params)).json()
            assert len(page["items"]) <= 2
            seen += [room["id"] for room in page["items"]]
            if page["next_cursor"] is None:
                return seen
            params["cursor"] = page["next_cursor"]

    own = await walk()
    assert own == sorted(own)
    assert len(own) == len(set(own)) == 4, "and the default room"
    assert made < set(own)
    public = await walk(scope="public")
    assert public == sorted(public)
    assert len(made & set(public)) == 2
    theirs = (await bob.http.get("/v1/rooms", params={"scope": "public", "limit": 200})).json()["items"]
    assert made & {room["id"] for room in theirs} == made & set(public)
    assert next(room for room in theirs if room["id"] in made)["me"] is None
    for params in ({"scope": "all"}, {"limit": 0}, {"limit": 201}, {"cursor": "x"}, {"sort": "name"}):
        check_problem(await ada.http.get("/v1/rooms", params=params), 422, "validation_error")


async def test_a_room_changes_by_what_is_given_and_only_if_it_is_another(inside: Inside) -> None:
    ada = await inside.person()
    room_id = await ada.make_room(name=f"tea {secrets.token_hex(4)}", topic="leaves")
    before = (await ada.http.get(f"/v1/rooms/{room_id}")).json()
    changed = (await ada.http.patch(f"/v1/rooms/{room_id}", json={"topic": " pots "})).json()
    assert changed == before | {"topic": "pots", "last_seq": 2}
    for same in ({"topic": "pots"}, {}, {"name": None}):
        assert (await ada.http.patch(f"/v1/rooms/{room_id}", json=same)).json() == changed
    check_problem(await ada.http.patch(f"/v1/rooms/{room_id}", json={"visibility": "private"}), 422, "validation_error")


async def test_who_may_not_is_refused_and_what_is_private_is_not_there(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    public, private = await ada.make_room(bob), await ada.make_room(visibility="private")
    check_problem(await bob.http.patch(f"/v1/rooms/{public}", json={"topic": "x"}), 403, "forbidden")
    check_problem(await bob.http.delete(f"/v1/rooms/{public}"), 403, "forbidden")
    for room_id in (private, NOBODY):
        check_problem(await bob.http.get(f"/v1/rooms/{room_id}"), 404, "not_found")
        check_problem(await bob.http.patch(f"/v1/rooms/{room_id}", json={"topic": "x"}), 404, "not_found")
        check_problem(await bob.http.delete(f"/v1/rooms/{room_id}"), 404, "not_found")
    check_problem(await bob.http.get("/v1/rooms/tea"), 422, "validation_error")
    (general,) = [room["id"] for room in (await bob.http.get("/v1/rooms")).json()["items"] if room["name"] == "general"]
    check_problem(await bob.http.delete(f"/v1/rooms/{general}"), 403, "forbidden")


async def test_a_deleted_room_is_gone(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    room_id = await ada.make_room(bob)
    answer = await ada.http.delete(f"/v1/rooms/{room_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    for person in (ada, bob):
        check_problem(await person.http.get(f"/v1/rooms/{room_id}"), 404, "not_found")
        check_problem(await person.http.delete(f"/v1/rooms/{room_id}"), 404, "not_found")
        assert room_id not in [room["id"] for room in (await person.http.get("/v1/rooms")).json()["items"]]

"""Rooms from their making to their end, as everybody sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.domain.models import Role, Visibility
from tests.unit.services.town import PEOPLE, ROOMS_MAX, Town, open_town
from tests.unit.store.scene import new_id

PUBLIC, PRIVATE = Visibility.PUBLIC, Visibility.PRIVATE


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path) as opened:
        yield opened


async def test_who_makes_a_room_owns_it_from_its_first_event_on(town: Town) -> None:
    room = await town.rooms.create(town["stranger"], name="Tea", topic="Earl Grey", visibility=PRIVATE)
    assert (room.name, room.topic, room.visibility, room.last_seq, room.member_count) == (
        "Tea",
        "Earl Grey",
        PRIVATE,
        1,
        1,
    )
    assert room.me is not None
    assert (room.me.role, room.me.read_seq, room.me.unread_count) == (Role.OWNER, 1, 0)
    assert await town.rooms.find(town["stranger"], room.id) == room
    assert await town.types(room.id) == ["room.created"]


async def test_his_live_connections_are_in_it_when_he_hears_of_it(town: Town) -> None:
    connections = [await town.connect("stranger") for _ in range(2)]
    room = await town.rooms.create(town["stranger"], name="Tea", topic="", visibility=PRIVATE)
    assert all(room.id in connection.room_ids for connection in connections)


async def test_who_deleted_the_account_in_the_meantime_makes_no_room(town: Town) -> None:
    """Nobody else could ever own it, or be rid of it."""
    await town.scene.store.write(lambda unit: unit.users.mark_deleted(town["stranger"].id))
    making = town.rooms.create(town["stranger"], name="Tea", topic="", visibility=PUBLIC)
    assert await town.outcome(making) == "session_revoked"
    assert await town.outcome(town.rooms.create(town["member"], name="Tea", topic="", visibility=PUBLIC)) == "ok"


async def test_a_public_name_is_given_once(town: Town) -> None:
    create, update = town.rooms.create, town.rooms.update
    await create(town["owner"], name="Tea", topic="", visibility=PUBLIC)
    assert await town.outcome(create(town["member"], name="tEA", topic="", visibility=PUBLIC)) == "room_name_taken"
    assert await town.outcome(create(town["member"], name="tEA", topic="", visibility=PRIVATE)) == "ok"
    assert await town.outcome(update(town["owner"], town.public, name="TEA", topic=None)) == "room_name_taken"
    assert await town.outcome(update(town["owner"], town.private, name="TEA", topic=None)) == "ok"
    assert await town.outcome(update(town["owner"], town.public, name="PUBLIC", topic=None)) == "ok", "its own"


async def test_a_user_makes_so_many_at_most(town: Town) -> None:
    outcomes = [
        await town.outcome(town.rooms.create(town["stranger"], name=f"room {n}", topic="", visibility=PRIVATE))
        for n in range(ROOMS_MAX)
    ]
    assert outcomes == [*["ok"] * (ROOMS_MAX - 1), "too_many_rooms"]


@pytest.mark.parametrize(
    ("room", "outcomes"),
    [
        ("public", ["ok", "ok", "forbidden", "forbidden", "banned", "ok"]),
        ("private", ["ok", "ok", "forbidden", "not_found", "not_found", "not_found"]),
        ("general", ["forbidden", "ok", "forbidden", "forbidden", "banned", "ok"]),
    ],
)
async def test_who_changes_a_room(town: Town, room: str, outcomes: list[str]) -> None:
    found = [
        await town.outcome(town.rooms.update(town[name], town.room(room), name=None, topic=f"by {name}"))
        for name in PEOPLE
    ]
    assert found == outcomes


async def test_a_change_is_one_event_and_what_is_so_already_is_none(town: Town) -> None:
    seq = await town.last_seq(town.public)
    changed = await town.rooms.update(town["owner"], town.public, name="New", topic="a topic")
    assert (changed.name, changed.topic, changed.last_seq) == ("New", "a topic", seq + 1)
    for name, topic in ((None, None), ("New", None), (None, "a topic"), ("New", "a topic")):
        assert await town.outcome(town.rooms.update(town["owner"], town.public, name=name, topic=topic)) == "ok"
    (event,) = await town.scene.log(town.public, after_seq=seq)
    assert event.room == changed.info


@pytest.mark.parametrize(
    ("room", "outcomes"),
    [
        ("public", {"moderator": "forbidden", "member": "forbidden", "stranger": "forbidden", "banned": "banned"}),
        ("private", {"moderator": "forbidden", "stranger": "not_found", "banned": "not_found", "admin": "not_found"}),
        ("general", {"owner": "forbidden", "moderator": "forbidden", "admin": "forbidden"}),
    ],
)
async def test_who_may_not_delete_a_room(town: Town, room: str, outcomes: dict[str, str]) -> None:
    found = {name: await town.outcome(town.rooms.delete(town[name], town.room(room))) for name in outcomes}
    assert found == outcomes


@pytest.mark.parametrize("name", ["owner", "admin"])
async def test_a_deleted_room_is_gone_for_everybody_and_its_name_is_free(town: Town, name: str) -> None:
    seq = await town.last_seq(town.public)
    await town.rooms.delete(town[name], town.public)
    assert await town.types(town.public, seq) == ["room.deleted"]
    assert {await town.outcome(town.rooms.find(town[one], town.public)) for one in PEOPLE} == {"not_found"}
    assert await town.outcome(town.rooms.delete(town[name], town.public)) == "not_found"
    assert town.public not in [room.id for room in await town.rooms.joined(town["member"], after_id=None, limit=9)]
    await town.rooms.create(town["stranger"], name="public", topic="", visibility=PUBLIC)


async def test_everybody_finds_public_rooms_and_only_members_the_others(town: Town) -> None:
    seen = {
        name: [await town.outcome(town.rooms.find(town[name], town.room(room))) for room in ("public", "private")]
        for name in PEOPLE
    }
    outsiders = {name for name, outcome in seen.items() if outcome == ["ok", "not_found"]}
    assert outsiders == {"stranger", "banned", "admin"}
    assert all(seen[name] == ["ok", "ok"] for name in PEOPLE if name not in outsiders)


async def test_listings_show_the_own_rooms_and_all_public_ones(town: Town) -> None:
    joined = {
        name: await town.rooms.joined(town[name], after_id=None, limit=9) for name in ("member", "stranger", "banned")
    }
    assert {name: [room.id for room in rooms] for name, rooms in joined.items()} == {
        "member": [town.public, town.private, town.general],
        "stranger": [town.general],
        "banned": [],
    }
    public = await town.rooms.public(town["banned"], after_id=None, limit=9)
    assert [room.id for room in public] == [town.public, town.general]
    assert [room.me for room in public] == [None, None]


async def test_what_is_not_there_is_not_found(town: Town) -> None:
    assert await town.outcome(town.rooms.find(town["admin"], new_id())) == "not_found"
    assert await town.outcome(town.rooms.update(town["admin"], new_id(), name="x", topic=None)) == "not_found"

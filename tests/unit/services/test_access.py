"""Who may do what in a room, for everybody in every kind of room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from api.domain.errors import ChatError
from api.domain.models import Role, Room, Visibility
from api.services import access
from api.services.access import Standing
from api.store.snapshot import Snapshot
from tests.unit.services.town import PEOPLE, Town, open_town
from tests.unit.store.scene import add, new_id

RULES: dict[str, Callable[..., Standing]] = {
    "standing": access.standing,
    "member": access.member,
    "moderator": access.moderator,
    "owner": access.owner,
}
# In the order of PEOPLE: owner, moderator, member, stranger, banned, admin.
EXPECTED = {
    ("public", "standing"): ["owner", "moderator", "member", "-", "-", "owner"],
    ("public", "member"): ["owner", "moderator", "member", "forbidden", "banned", "owner"],
    ("public", "moderator"): ["owner", "moderator", "forbidden", "forbidden", "banned", "owner"],
    ("public", "owner"): ["owner", "forbidden", "forbidden", "forbidden", "banned", "owner"],
    ("private", "standing"): ["owner", "moderator", "member", *["not_found"] * 3],
    ("private", "member"): ["owner", "moderator", "member", *["not_found"] * 3],
    ("private", "moderator"): ["owner", "moderator", "forbidden", *["not_found"] * 3],
    ("private", "owner"): ["owner", "forbidden", "forbidden", *["not_found"] * 3],
    ("general", "member"): ["member", "moderator", "member", "member", "banned", "owner"],
}


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path) as opened:
        yield opened


def found(rule: str, rows: Snapshot, room_id: str, town: Town, name: str) -> str:
    try:
        role = RULES[rule](rows, room_id, town[name]).role
    except ChatError as refused:
        return refused.code.value
    return "-" if role is None else role.value


@pytest.mark.parametrize(("visibility", "rule"), EXPECTED)
async def test_everybody_may_what_the_table_says(town: Town, visibility: str, rule: str) -> None:
    def query(rows: Snapshot) -> list[str]:
        return [found(rule, rows, town.room(visibility), town, name) for name in PEOPLE]

    assert await town.scene.store.read(query) == EXPECTED[visibility, rule]


@pytest.mark.parametrize("rule", RULES)
async def test_of_a_room_that_is_not_there_or_no_more_nobody_may_anything(town: Town, rule: str) -> None:
    gone = town.public
    await town.scene.store.write(lambda unit: unit.rooms.mark_deleted(gone, unit.now_ms))

    def query(rows: Snapshot) -> set[str]:
        return {found(rule, rows, room_id, town, name) for name in PEOPLE for room_id in (gone, new_id())}

    assert await town.scene.store.read(query) == {"not_found"}


async def test_in_a_private_room_an_admin_is_what_he_is(town: Town) -> None:
    await town.scene.store.write(lambda unit: add(unit, town.private, town["admin"]))
    role = await town.scene.store.read(lambda rows: access.standing(rows, town.private, town["admin"]).role)
    assert role is Role.MEMBER


def _room() -> Room:
    return Room(new_id(), "x", "", Visibility.PUBLIC, "e", 1, 1, 0, is_default=False, me=None)


@pytest.mark.parametrize(
    ("mine", "lower"),
    [
        (Role.OWNER, {Role.OWNER, Role.MODERATOR, Role.MEMBER}),
        (Role.MODERATOR, {Role.MEMBER}),
        (Role.MEMBER, set()),
        (None, set()),
    ],
)
def test_whom_one_stands_above(mine: Role | None, lower: set[Role]) -> None:
    standing = Standing(_room(), mine)
    assert {role for role in Role if standing.outranks(role)} == lower
    assert standing.is_owner is (mine is Role.OWNER)

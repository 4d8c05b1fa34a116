"""The rows of who is in which room, who left, and who is banned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from api.domain.models import Ban, Member, Role, User
from api.store.members import Place
from api.store.snapshot import Snapshot, Unit
from tests.unit.store.scene import Scene, add, new_id, open_scene


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


def versions(rows: Snapshot, *people: User) -> list[int]:
    found = rows.users.rooms_versions([user.id for user in people])
    return [found[user.id] for user in people]


async def test_a_member_is_found_and_counted_until_he_is_removed(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room = await scene.room(ada)
    scene.clock.advance(1)
    await scene.store.write(lambda unit: add(unit, room, bob, Role.MODERATOR))
    member = Member(bob.ref, Role.MODERATOR, scene.clock.now_ms)
    assert await scene.store.read(lambda rows: rows.members.find(room, bob.id)) == member
    assert await scene.store.read(lambda rows: rows.rooms.head(room)) == (2, 2)
    await scene.store.write(lambda unit: unit.members.remove(room, bob.id))
    assert await scene.store.read(lambda rows: rows.members.find(room, bob.id)) is None
    assert await scene.store.read(lambda rows: rows.rooms.head(room)) == (2, 1)


async def test_every_change_of_somebodys_rooms_raises_his_version_and_nobody_elses(scene: Scene) -> None:
    ada, bob, carol = [await scene.user(name) for name in ("ada", "bob", "carol")]
    room = await scene.room(ada)
    seen = [await scene.store.read(lambda rows: versions(rows, ada, bob, carol))]
    for job in (
        lambda unit: add(unit, room, bob),
        lambda unit: unit.members.set_role(room, bob.id, Role.MODERATOR),
        lambda unit: unit.members.mark_read(room, bob.id, 1),
        lambda unit: unit.members.remove(room, bob.id),
        lambda unit: add(unit, room, bob),
        lambda unit: unit.members.remove_all(room),
    ):
        await scene.store.write(job)
        seen.append(await scene.store.read(lambda rows: versions(rows, ada, bob, carol)))
    assert seen == [[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 2, 0], [1, 3, 0], [2, 4, 0]]


async def test_a_deleted_rooms_members_are_all_gone(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room, other = await scene.room(ada, bob), await scene.room(ada, bob, name="other")
    await scene.store.write(lambda unit: unit.members.remove_all(room))
    assert await scene.store.read(lambda rows: rows.members.page(room, after_id=None, limit=9)) == []
    assert await scene.store.read(lambda rows: rows.members.room_ids(bob.id)) == [other]


async def test_members_are_listed_in_the_order_of_their_ids_page_by_page(scene: Scene) -> None:
    people = [await scene.user(f"user{number}") for number in range(5)]
    room = await scene.room(people[3], *people[:3], people[4])

    def page(rows: Snapshot, after_id: str | None, limit: int) -> list[str]:
        return [member.user.username for member in rows.members.page(room, after_id=after_id, limit=limit)]

    names = [user.username for user in people]
    assert await scene.store.read(lambda rows: page(rows, None, 9)) == names
    assert await scene.store.read(lambda rows: page(rows, None, 2)) == names[:2]
    assert await scene.store.read(lambda rows: page(rows, people[1].id, 2)) == names[2:4]
    assert await scene.store.read(lambda rows: page(rows, people[4].id, 2)) == []


async def test_a_read_mark_goes_up_and_never_back(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    for _ in range(5):
        await scene.send(ada, room)
    marks = await scene.store.write(lambda unit: [unit.members.mark_read(room, ada.id, seq) for seq in (3, 2, 6, 0)])
    assert marks == [3, 3, 6, 6]


async def test_owners_and_rooms_are_counted(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room = await scene.room(ada, bob)
    await scene.room(ada, name="other")
    assert await scene.store.read(lambda rows: rows.members.owner_count(room)) == 1
    await scene.store.write(lambda unit: unit.members.set_role(room, bob.id, Role.OWNER))
    assert await scene.store.read(lambda rows: rows.members.owner_count(room)) == 2
    assert await scene.store.read(lambda rows: (rows.members.room_count(ada.id), rows.members.room_count(bob.id))) == (
        2,
        1,
    )


async def test_a_users_places_say_what_leaving_depends_on(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    rooms = [await scene.room(ada, bob), await scene.room(bob, ada, name="two"), await scene.room(ada, name="gone")]

    def job(unit: Unit) -> None:
        unit.members.set_role(rooms[1], ada.id, Role.OWNER)
        unit.rooms.mark_deleted(rooms[2], unit.now_ms)

    await scene.store.write(job)
    assert await scene.store.read(lambda rows: rows.members.places_of(ada.id)) == [
        Place(rooms[0], is_default=False, role=Role.OWNER, owner_count=1),
        Place(rooms[1], is_default=False, role=Role.OWNER, owner_count=2),
    ]


async def test_a_departure_is_remembered_until_he_comes_back(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room = await scene.room(ada, bob)

    def leave(unit: Unit) -> None:
        unit.members.remove(room, bob.id)
        unit.members.mark_departed(room, bob.id)

    assert not await scene.store.read(lambda rows: rows.members.has_departed(room, bob.id))
    await scene.store.write(leave)
    assert await scene.store.read(lambda rows: rows.members.has_departed(room, bob.id))
    assert not await scene.store.read(lambda rows: rows.members.has_departed(room, ada.id))
    await scene.store.write(lambda unit: add(unit, room, bob))
    assert not await scene.store.read(lambda rows: rows.members.has_departed(room, bob.id))


async def test_bans_are_found_listed_and_lifted(scene: Scene) -> None:
    ada, bob, carol = [await scene.user(name) for name in ("ada", "bob", "carol")]
    room = await scene.room(ada)
    for user, reason in ((carol, "noise"), (bob, "")):
        await scene.store.write(
            lambda unit, user=user, reason=reason: unit.members.ban(room, user.id, ada.id, reason=reason, now_ms=7)  # type: ignore[misc]
        )
    both = [Ban(bob.ref, "", ada.ref, 7), Ban(carol.ref, "noise", ada.ref, 7)]
    assert await scene.store.read(lambda rows: rows.members.bans(room, after_id=None, limit=9)) == both
    assert await scene.store.read(lambda rows: rows.members.bans(room, after_id=None, limit=1)) == both[:1]
    assert await scene.store.read(lambda rows: rows.members.bans(room, after_id=bob.id, limit=9)) == both[1:]
    assert await scene.store.read(lambda rows: rows.members.is_banned(room, bob.id))
    assert not await scene.store.read(lambda rows: rows.members.is_banned(new_id(), bob.id))
    await scene.store.write(lambda unit: unit.members.unban(room, bob.id))
    assert not await scene.store.read(lambda rows: rows.members.is_banned(room, bob.id))

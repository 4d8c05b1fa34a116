"""The rows of rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.exc import IntegrityError

from api.domain.events import EventType
from api.domain.models import Role, Room, RoomInfo, User, Visibility
from api.store.rooms import UNREAD_MAX
from api.store.snapshot import Unit
from tests.unit.store.scene import Scene, new_id, open_scene

PUBLIC, PRIVATE = Visibility.PUBLIC, Visibility.PRIVATE


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


async def find(scene: Scene, room_id: str, user: User) -> Room:
    room = await scene.store.read(lambda rows: rows.rooms.find(room_id, user.id))
    assert room is not None
    return room


async def test_a_room_is_found_as_it_is_to_who_asks(scene: Scene) -> None:
    ada, bob, stranger = [await scene.user(name) for name in ("ada", "bob", "stranger")]
    room_id = await scene.room(ada, bob, name="Tea")
    room = await find(scene, room_id, ada)
    assert room.info == RoomInfo(room_id, "Tea", "", PUBLIC)
    assert (room.epoch, room.last_seq, room.member_count, room.is_default) == ("e1", 2, 2, False)
    assert room.created_at_ms == scene.clock.now_ms
    assert room.me is not None
    assert (room.me.role, room.me.read_seq, room.me.joined_at_ms) == (Role.OWNER, 1, scene.clock.now_ms)
    bobs = (await find(scene, room_id, bob)).me
    assert bobs is not None
    assert (bobs.role, bobs.read_seq) == (Role.MEMBER, 2)
    assert (await find(scene, room_id, stranger)).me is None


async def test_unread_are_the_others_undeleted_messages_above_the_mark_and_a_hundred_at_most(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room_id = await scene.room(ada, bob)

    async def unread(user: User) -> int | None:
        me = (await find(scene, room_id, user)).me
        return None if me is None else me.unread_count

    assert [await unread(ada), await unread(bob)] == [0, 0]
    sent = [await scene.send(author, room_id) for author in (ada, bob, ada)]
    assert [await unread(ada), await unread(bob)] == [1, 2]
    message = sent[0].message
    assert message is not None
    deleted = replace(message, body="", deleted_at_ms=1)
    await scene.store.write(lambda unit: unit.change_message(deleted, EventType.MESSAGE_DELETED, ada.ref))
    assert await unread(bob) == 1
    await scene.store.write(lambda unit: unit.members.mark_read(room_id, bob.id, 5))
    assert await unread(bob) == 0
    for _ in range(UNREAD_MAX + 1):
        scene.submit(ada, room_id)
    await scene.store.write(lambda _unit: None)
    assert await unread(bob) == UNREAD_MAX


async def test_rooms_are_listed_in_the_order_of_their_ids_page_by_page(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    made = [await scene.room(ada, name=f"room {number}") for number in range(5)]
    hidden = await scene.room(bob, name="hidden", visibility=PRIVATE)
    gone = await scene.room(ada, name="gone")
    await scene.store.write(lambda unit: unit.rooms.mark_deleted(gone, unit.now_ms))

    def pages(unit: Unit) -> list[list[str]]:
        return [
            [room.id for room in unit.rooms.joined(ada.id)],
            [room.id for room in unit.rooms.joined(ada.id, limit=2)],
            [room.id for room in unit.rooms.joined(ada.id, after_id=made[1], limit=2)],
            [room.id for room in unit.rooms.public(bob.id, after_id=None, limit=9)],
            [room.id for room in unit.rooms.public(bob.id, after_id=made[3], limit=9)],
            [room.id for room in unit.rooms.joined(bob.id)],
        ]

    assert await scene.store.write(pages) == [made, made[:2], made[2:4], made, made[4:], [hidden]]


async def test_heads_are_read_of_many_rooms_at_once_deleted_ones_too(scene: Scene) -> None:
    ada = await scene.user("ada")
    made = [await scene.room(ada, name=f"room {number}") for number in range(3)]
    await scene.send(ada, made[1])
    await scene.store.write(lambda unit: unit.rooms.mark_deleted(made[2], unit.now_ms))
    # More than SQLite takes parameters in one statement: a busy node follows as many rooms.
    asked = [*made, *(new_id() for _ in range(33_000))]
    heads = await scene.store.read(lambda rows: rows.rooms.heads(asked))
    assert heads == {made[0]: (1, 1), made[1]: (2, 1), made[2]: (1, 0)}
    assert await scene.store.read(lambda rows: rows.rooms.head(made[1])) == (2, 1)
    assert await scene.store.read(lambda rows: rows.rooms.heads([])) == {}


@pytest.mark.parametrize(
    ("name", "visibility", "is_taken"),
    [("Tea", PUBLIC, True), ("tEA", PUBLIC, True), ("Tea!", PUBLIC, False), ("Tea", PRIVATE, False)],
)
async def test_names_of_living_public_rooms_are_unique_without_regard_to_case(
    scene: Scene,
    name: str,
    visibility: Visibility,
    is_taken: bool,  # noqa: FBT001
) -> None:
    ada = await scene.user("ada")
    await scene.room(ada, name="Tea")
    other = RoomInfo(new_id(), name, "", visibility)
    assert await scene.store.read(lambda rows: rows.rooms.is_name_taken(other)) is is_taken


async def test_the_database_itself_refuses_a_second_public_room_of_a_name(scene: Scene) -> None:
    ada = await scene.user("ada")
    await scene.room(ada, name="Stra\N{LATIN SMALL LETTER SHARP S}e")
    with pytest.raises(IntegrityError):
        await scene.room(ada, name="STRASSE")
    await scene.room(ada, name="STRASSE", visibility=PRIVATE)


async def test_a_name_is_free_again_when_its_room_is_renamed_or_deleted(scene: Scene) -> None:
    ada = await scene.user("ada")
    first = await scene.room(ada, name="one")
    await scene.store.write(lambda unit: unit.rooms.update(RoomInfo(first, "two", "a topic", PUBLIC)))
    room = await find(scene, first, ada)
    assert (room.name, room.topic) == ("two", "a topic")
    assert not await scene.store.read(lambda rows: rows.rooms.is_name_taken(room.info)), "not by itself"
    await scene.room(ada, name="one")
    await scene.store.write(lambda unit: unit.rooms.mark_deleted(first, unit.now_ms))
    await scene.room(ada, name="two")
    assert await scene.store.read(lambda rows: rows.rooms.find(first, ada.id)) is None


async def test_the_default_room_is_found_while_it_lives(scene: Scene) -> None:
    assert await scene.store.read(lambda rows: rows.rooms.default_room_id()) is None
    room = RoomInfo(new_id(), "general", "", PUBLIC)
    await scene.store.write(lambda unit: unit.rooms.insert(room, epoch="e", now_ms=1, is_default=True))
    assert await scene.store.read(lambda rows: rows.rooms.default_room_id()) == room.id


async def test_a_restore_gives_every_room_another_epoch(scene: Scene) -> None:
    ada = await scene.user("ada")
    made = [await scene.room(ada, name=name) for name in ("one", "two")]
    await scene.store.write(lambda unit: unit.rooms.set_epochs("e2"))
    assert [(await find(scene, room, ada)).epoch for room in made] == ["e2", "e2"]


async def test_numbers_follow_each_other(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    assert await scene.store.write(lambda unit: [unit.rooms.next_seq(room) for _ in range(3)]) == [2, 3, 4]

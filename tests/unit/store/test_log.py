"""The rows of rooms' logs: events in order, each with its message as it is now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio

from api.domain.events import Event, EventType
from api.domain.models import Message, Role, RoomInfo, Visibility
from api.store.base import Written
from api.store.snapshot import Snapshot, Unit
from tests.unit.store.scene import Scene, add, new_id, open_scene


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


async def test_every_type_is_read_back_as_it_was_told(scene: Scene) -> None:
    """What the listener hears at the commit and what a refill reads later have to be one and the same."""
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room_id = await scene.room(ada)
    renamed = RoomInfo(room_id, "Tea & cake", "a topic", Visibility.PRIVATE)

    def job(unit: Unit) -> None:
        add(unit, room_id, bob, Role.MODERATOR)
        unit.append(room_id, EventType.ROOM_UPDATED, ada.ref, room=renamed)
        unit.append(room_id, EventType.MEMBER_ROLE_CHANGED, ada.ref, user=bob.ref, role=Role.OWNER)
        for event_type in (
            EventType.MEMBER_LEFT,
            EventType.MEMBER_REMOVED,
            EventType.MEMBER_BANNED,
            EventType.MEMBER_UNBANNED,
        ):
            unit.append(room_id, event_type, ada.ref, user=bob.ref)
        unit.append(room_id, EventType.ROOM_UPDATED, None)
        unit.append(room_id, EventType.ROOM_DELETED, ada.ref)

    await scene.store.write(job)
    told: list[Event] = [event for entry in scene.heard if isinstance(entry, Written) for event in entry.events]
    assert await scene.log(room_id) == told
    assert {event.type for event in told} == {
        event_type for event_type in EventType if not event_type.value.startswith("message.")
    }


async def test_a_message_event_carries_the_message_as_it_is_now(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room = await scene.room(ada, bob)
    sent = (await scene.send(bob, room, "first")).message
    assert sent is not None
    edited = await scene.store.write(
        lambda unit: unit.change_message(
            replace(sent, body="second", edited_at_ms=5), EventType.MESSAGE_EDITED, bob.ref
        )
    )
    assert (edited.seq, edited.revision) == (3, 4)
    deleted = await scene.store.write(
        lambda unit: unit.change_message(replace(edited, body="", deleted_at_ms=6), EventType.MESSAGE_DELETED, ada.ref)
    )
    log = (await scene.log(room))[2:]
    assert [(event.seq, event.type, event.actor) for event in log] == [
        (3, EventType.MESSAGE_CREATED, bob.ref),
        (4, EventType.MESSAGE_EDITED, bob.ref),
        (5, EventType.MESSAGE_DELETED, ada.ref),
    ]
    assert [event.message for event in log] == [deleted] * 3
    assert "first" not in str(log)
    assert "second" not in str(log)
    assert await scene.store.read(lambda rows: rows.log.message(sent.id)) == deleted
    assert [entry.events[0].message for entry in scene.heard[-2:] if isinstance(entry, Written)] == [edited, deleted]


async def test_a_change_may_be_read_without_the_page_that_holds_its_message(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    sent = (await scene.send(ada, room)).message
    assert sent is not None
    changed = await scene.store.write(
        lambda unit: unit.change_message(replace(sent, body="now", edited_at_ms=5), EventType.MESSAGE_EDITED, ada.ref)
    )
    (event,) = await scene.log(room, after_seq=2)
    assert (event.seq, event.message) == (3, changed)


async def test_events_are_read_page_by_page(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    for _ in range(5):
        await scene.send(ada, room)
    assert [event.seq for event in await scene.log(room, after_seq=2, limit=3)] == [3, 4, 5]
    assert [event.seq for event in await scene.log(room, after_seq=5)] == [6]
    assert await scene.log(room, after_seq=6) == []
    assert await scene.log(new_id()) == []


async def test_messages_are_read_upwards_from_below_and_downwards_from_above(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room = await scene.room(ada)
    await scene.send(ada, room)
    await scene.store.write(lambda unit: add(unit, room, bob))
    for _ in range(3):
        await scene.send(ada, room)

    def seqs(rows: Snapshot, before_seq: int | None, after_seq: int | None, limit: int) -> list[int]:
        found: list[Message] = rows.log.messages(room, before_seq=before_seq, after_seq=after_seq, limit=limit)
        return [message.seq for message in found]

    expected = {
        (None, None, 9): [6, 5, 4, 2],
        (None, None, 2): [6, 5],
        (5, None, 9): [4, 2],
        (2, None, 9): [],
        (None, 2, 9): [4, 5, 6],
        (None, 0, 2): [2, 4],
        (None, 6, 9): [],
    }
    for asked, found in expected.items():
        assert await scene.store.read(lambda rows, asked=asked: seqs(rows, *asked)) == found  # type: ignore[misc]


async def test_people_are_named_as_they_are_now_the_deleted_too(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room = await scene.room(ada, bob)
    await scene.send(bob, room)
    gone = await scene.store.write(lambda unit: unit.users.mark_deleted(bob.id))
    await scene.store.write(lambda unit: unit.users.set_display_name(ada.id, "Countess"))
    created, joined, sent = await scene.log(room)
    assert created.actor is not None
    assert created.actor.display_name == "Countess"
    assert (joined.user, sent.actor) == (gone, gone)
    assert sent.message is not None
    assert sent.message.author == gone
    assert gone.username.startswith("deleted-")


async def test_there_is_no_message_that_there_is_not(scene: Scene) -> None:
    assert await scene.store.read(lambda rows: rows.log.message(new_id())) is None

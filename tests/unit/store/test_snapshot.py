"""One job in the write transaction: what it adds to a log, it tells; what fails leaves nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.domain.events import Event, EventType
from api.domain.models import Role, RoomInfo, User, Visibility
from api.store.snapshot import Unit
from tests.unit.store.scene import Scene, open_scene


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


async def room_of(scene: Scene) -> tuple[User, str]:
    ada = await scene.user("ada")
    return ada, await scene.room(ada)


async def test_an_event_takes_the_next_seq_and_is_read_back_as_it_was_told(scene: Scene) -> None:
    ada, room_id = await room_of(scene)
    bob = await scene.user("bob")
    changed = RoomInfo(room_id, "pots", "and leaves", Visibility.PUBLIC)

    def job(unit: Unit) -> list[Event]:
        unit.rooms.update(changed)
        return [
            unit.append(room_id, EventType.MEMBER_JOINED, ada.ref, user=bob.ref, role=Role.MODERATOR),
            unit.append(room_id, EventType.ROOM_UPDATED, ada.ref, room=changed),
            unit.append(room_id, EventType.MEMBER_LEFT, None, user=bob.ref),
        ]

    told = await scene.store.write(job)
    assert [event.seq for event in told] == [2, 3, 4]
    assert {event.at_ms for event in told} == {scene.clock.now_ms}
    assert await scene.log(room_id, after_seq=1) == told
    assert scene.heard[-1].events == told  # type: ignore[union-attr] # what was written last is no message


async def test_a_changed_message_gets_the_seq_of_its_event_as_revision(scene: Scene) -> None:
    ada, room_id = await room_of(scene)
    message = (await scene.send(ada, room_id, "as it was")).message
    assert message is not None

    def job(unit: Unit) -> None:
        edited = unit.log.message(message.id)
        assert edited is not None
        unit.change_message(edited, EventType.MESSAGE_EDITED, ada.ref)

    await scene.store.write(job)
    created, edited = await scene.log(room_id, after_seq=1)
    assert (created.type, created.seq) == (EventType.MESSAGE_CREATED, 2)
    assert (edited.type, edited.seq, edited.actor) == (EventType.MESSAGE_EDITED, 3, ada.ref)
    for event in (created, edited):
        assert event.message is not None
        assert (event.message.seq, event.message.revision) == (2, 3), "of two copies the higher holds"


async def test_a_job_that_fails_leaves_no_seq_and_tells_nothing(scene: Scene) -> None:
    ada, room_id = await room_of(scene)
    heard = len(scene.heard)

    def job(unit: Unit) -> None:
        unit.append(room_id, EventType.MEMBER_LEFT, ada.ref, user=ada.ref)
        raise LookupError("in the job")

    with pytest.raises(LookupError):
        await scene.store.write(job)
    assert [event.seq for event in await scene.log(room_id)] == [1]
    assert len(scene.heard) == heard

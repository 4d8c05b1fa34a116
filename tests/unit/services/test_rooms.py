"""What changing a room answers, and how the default room is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import pytest
from structlog.testing import capture_logs

from api.broadcast.manager import BroadcastManager
from api.domain.errors import ChatError, ErrorCode
from api.domain.models import Visibility
from api.services.rooms import Rooms, open_default_room
from api.store.snapshot import Unit
from tests.unit.store.scene import new_id, open_scene

T = TypeVar("T")


async def test_the_answer_to_a_change_is_the_room_as_the_change_left_it(tmp_path: Path) -> None:
    """Also where the user is out of the room, or the room is gone, before the answer is written."""
    async with open_scene(tmp_path) as scene:
        ada = await scene.user("ada")
        room_id = await scene.room(ada)
        manager = cast("BroadcastManager", None)  # it takes no part in a change
        rooms = Rooms(scene.store, manager, new_id=new_id, new_epoch=new_id, rooms_per_user_max=10)
        write = scene.store.write

        async def write_and_delete(job: Callable[[Unit], T]) -> T:
            result = await write(job)
            await write(delete)
            return result

        def delete(unit: Unit) -> None:
            unit.rooms.mark_deleted(room_id, unit.now_ms)

        scene.store.write = write_and_delete  # type: ignore[method-assign]
        changed = await rooms.update(ada, room_id, name="coffee", topic=None)
        assert (changed.name, changed.last_seq) == ("coffee", 2)
        assert changed.me is not None
        assert changed.me.unread_count == 0


async def test_the_default_room_is_made_once_and_is_nobodys(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        with capture_logs() as lines:
            for name in ("general", "another"):
                await open_default_room(scene.store, name, new_id=new_id, new_epoch=lambda: "e1")
        room_id = await scene.store.read(lambda rows: rows.rooms.default_room_id())
        assert room_id is not None
        (created,) = await scene.log(room_id)
        assert (created.seq, created.actor) == (1, None)
        assert created.room is not None
        assert (created.room.name, created.room.visibility) == ("general", Visibility.PUBLIC)
        assert [(line["event"], line["room_id"], line["user_id"]) for line in lines] == [
            ("room.created", room_id, None)
        ]
        ada = await scene.user("ada")
        listed = await scene.store.read(lambda rows: rows.rooms.public(ada.id, after_id=None, limit=10))
        assert [(room.id, room.member_count) for room in listed] == [(room_id, 0)]


async def test_the_default_room_takes_no_name_from_people(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.room(await scene.user("ada"), name="General")
        with pytest.raises(ChatError) as refused:
            await open_default_room(scene.store, "general", new_id=new_id, new_epoch=new_id)
        assert refused.value.code is ErrorCode.ROOM_NAME_TAKEN
        assert await scene.store.read(lambda rows: rows.rooms.default_room_id()) is None

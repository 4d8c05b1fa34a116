"""What changing a room answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from api.broadcast.manager import BroadcastManager
from api.services.rooms import Rooms
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

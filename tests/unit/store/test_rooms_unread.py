"""What is unread is counted where a room is shown, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.engine import Connection

from api.services import access
from api.store.rooms import RoomRows
from api.store.snapshot import Unit
from tests.unit.store.scene import Scene, open_scene


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


async def test_a_decision_counts_nothing_and_a_room_that_is_shown_is_exact(scene: Scene) -> None:
    ada, bob = await scene.user("ada"), await scene.user("bob")
    room = await scene.room(ada, bob)
    for author in (ada, bob, ada):
        await scene.send(author, room)

    def unread(unit: Unit) -> list[int | None]:
        decided = [access.standing(unit, room, bob), access.member(unit, room, bob), access.moderator(unit, room, ada)]
        shown = [
            unit.rooms.find(room, bob.id),
            *unit.rooms.joined(bob.id),
            access.standing(unit, room, bob, with_unread=True).room,
        ]
        rooms = [*(found.room for found in decided), *shown]
        return [found.me.unread_count for found in rooms if found is not None and found.me is not None]

    assert await scene.store.write(unread) == [None, None, None, 2, 2, 2]


async def test_own_messages_are_passed_over_in_an_index(scene: Scene) -> None:
    """They may be all that is above the mark; their rows are not looked at."""
    ada = await scene.user("ada")
    room = await scene.room(ada)

    def plan(unit: Unit) -> str:
        connection = unit.rooms._connection
        plans: list[str] = []

        def explain(
            _connection: Connection, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object
        ) -> None:
            if not statement.startswith("EXPLAIN"):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.extend(row[3] for row in rows)

        event.listen(connection, "before_cursor_execute", explain)
        RoomRows(connection).find(room, ada.id)
        event.remove(connection, "before_cursor_execute", explain)
        return "\n".join(plans)

    assert "USING INDEX ix_events_unread (room_id=? AND seq>?)" in await scene.store.write(plan)

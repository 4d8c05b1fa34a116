"""A database that is damaged, not only away."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.domain.errors import ChatError, ErrorCode
from tests.unit.store.scene import open_scene, outcome


def damage(database: Path) -> None:
    """Make the schema one that SQLite cannot read."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        version = other.execute("PRAGMA schema_version").fetchone()[0]
        other.execute("PRAGMA writable_schema = ON")
        other.execute("UPDATE sqlite_master SET sql = 'nonsense' WHERE name = 'rooms'")
        other.execute(f"PRAGMA schema_version = {version + 1}")


async def test_reads_writes_and_messages_are_unavailable_in_a_damaged_database(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        ada = await scene.user("ada")
        room = await scene.room(ada)
        damage(tmp_path / "chat.db")
        with pytest.raises(ChatError) as read:
            await scene.store.read(lambda rows: rows.rooms.default_room_id())
        with pytest.raises(ChatError) as written:
            await scene.store.write(lambda unit: unit.rooms.default_room_id())
        assert (read.value.code, written.value.code) == (ErrorCode.UNAVAILABLE, ErrorCode.UNAVAILABLE)
        count = len(scene.heard)
        append = scene.submit(ada, room)
        await scene.hears(count + 1)
        assert outcome(append) is ErrorCode.UNAVAILABLE

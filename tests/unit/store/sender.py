"""Another process on the same database: sends messages as fast as it can, some under keys that others use too.

`python -m tests.unit.store.sender URL ROOM_ID USER_ID COUNT`; prints the `seq` of each message, a repeat's negative.
"""

from __future__ import annotations

import asyncio
import sys

from api.domain.models import User, UserRole
from api.store.base import Append
from api.store.sqlite import open_sqlite_store
from tests.unit.store.scene import new_id


async def send(url: str, room_id: str, user_id: str, count: int) -> list[Append]:
    """Send `count` messages, every second one under a key of its number, a few at a time."""
    user = User(user_id, "", "", UserRole.USER, 0)
    appends: list[Append] = []
    async with open_sqlite_store(url, observe_commit=lambda _seconds: None, clock_ms=lambda: 0) as store:
        for number in range(count):
            key = f"k{number}" if number % 2 else None
            appends.append(Append(new_id(), room_id, user, f"message {number}", key))
            store.submit(appends[-1])
            if number % 5 == 0:
                await store.write(lambda _unit: None)
    return appends


if __name__ == "__main__":
    url, room_id, user_id, count = sys.argv[1:]
    for append in asyncio.run(send(url, room_id, user_id, int(count))):
        assert append.message is not None, append.error
        seq = append.message.seq
        sys.stdout.write(f"{-seq if append.duplicate else seq}\n")

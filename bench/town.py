"""The users of a run: made once in a database of their own, with sessions and tokens, and copied for every server."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import uuid_utils

from api.domain.events import EventType
from api.domain.models import Role, RoomInfo, Session, User, UserRole, Visibility
from api.security.tokens import AccessTokens
from api.store.schema import migrate
from api.store.snapshot import Unit
from api.store.sqlite import open_sqlite_store

SECRET: Final = "a secret of this benchmark that guards nothing at all"  # noqa: S105
LIFE_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Seat:
    """One user in one room."""

    username: str
    token: str
    room_id: str


def new_id() -> str:
    """Make an id."""
    return str(uuid_utils.uuid7())


def build(data_dir: Path, rooms: int, members: int) -> list[list[Seat]]:
    """Make a data folder with so many rooms of so many members each, nobody in two; gives the seats room by room."""
    data_dir.mkdir(parents=True)
    return asyncio.run(_build(data_dir, rooms, members))


async def _build(data_dir: Path, rooms: int, members: int) -> list[list[Seat]]:
    url = f"sqlite+aiosqlite:///{data_dir / 'chat.db'}"
    migrate(url)
    tokens = AccessTokens([SECRET], life_seconds=LIFE_SECONDS, clock_ms=lambda: round(time.time() * 1000))
    async with open_sqlite_store(
        url, observe_commit=lambda _seconds: None, clock_ms=lambda: round(time.time() * 1000)
    ) as store:
        return [await store.write(partial(_settle, tokens, number, members)) for number in range(rooms)]


def _settle(tokens: AccessTokens, number: int, members: int, unit: Unit) -> list[Seat]:
    room = RoomInfo(new_id(), f"room {number}", "", Visibility.PUBLIC)
    unit.rooms.insert(room, epoch=secrets.token_hex(8), now_ms=unit.now_ms)
    seats: list[Seat] = []
    for place in range(members):
        name = f"user-{number}-{place}"
        user = User(new_id(), name, name, UserRole.USER, unit.now_ms)
        unit.users.insert(user, None)
        expires_at_ms = unit.now_ms + LIFE_SECONDS * 1000
        session = Session(new_id(), user.id, unit.now_ms, unit.now_ms, expires_at_ms, "bench")
        unit.sessions.insert(session)
        if place == 0:
            unit.append(room.id, EventType.ROOM_CREATED, actor=user.ref, room=room)
        unit.members.add(room.id, user.id, Role.OWNER if place == 0 else Role.MEMBER, read_seq=0, now_ms=unit.now_ms)
        seats.append(Seat(name, tokens.issue(user.id, session.id)[0], room.id))
    return seats

"""The rows of sessions, refresh tokens and tickets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest_asyncio
import uuid_utils

from api.domain.models import Session, User, UserRole, UserStatus
from api.store.sessions import RefreshState, Ticket
from api.store.snapshot import Unit
from api.store.sqlite import SqliteStore
from tests.support.accounts import START_MS, Clock, open_store

DAY_MS = 86_400_000
LIFE_MS = 30 * DAY_MS


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


@dataclass
class Rows:
    store: SqliteStore
    user: User

    async def add(self, *, created_at_ms: int = START_MS) -> Session:
        session = Session(
            str(uuid_utils.uuid7()), self.user.id, created_at_ms, created_at_ms, created_at_ms + LIFE_MS, "curl/8"
        )
        await self.store.write(lambda unit: unit.sessions.insert(session))
        return session


@pytest_asyncio.fixture
async def rows(tmp_path: Path) -> AsyncIterator[Rows]:
    async with open_store(tmp_path, Clock()) as store:
        user = User(str(uuid_utils.uuid7()), "ada", "Ada", UserRole.ADMIN, START_MS)
        await store.write(lambda unit: unit.users.insert(user, "a hash"))
        yield Rows(store, user)


async def test_a_session_comes_with_its_user(rows: Rows) -> None:
    session = await rows.add()
    record = await rows.store.read(lambda snapshot: snapshot.sessions.find(session.id))
    assert record is not None
    assert (record.session, record.user, record.status) == (session, rows.user, UserStatus.ACTIVE)
    assert record.is_live(START_MS)
    assert record.is_live(session.expires_at_ms - 1)
    assert not record.is_live(session.expires_at_ms)


async def test_an_unknown_session_is_not_found(rows: Rows) -> None:
    assert await rows.store.read(lambda snapshot: snapshot.sessions.find(rows.user.id)) is None


async def test_a_revoked_session_is_told_from_an_expired_one(rows: Rows) -> None:
    session = await rows.add()
    assert await rows.store.write(lambda unit: unit.sessions.revoke(session.id, unit.now_ms))
    assert not await rows.store.write(lambda unit: unit.sessions.revoke(session.id, unit.now_ms)), "only once"
    record = await rows.store.read(lambda snapshot: snapshot.sessions.find(session.id))
    assert record is not None
    assert record.is_revoked
    assert not record.is_live(START_MS)


async def test_all_but_one_are_revoked(rows: Rows) -> None:
    first, second, third = [await rows.add() for _ in range(3)]
    await rows.store.write(lambda unit: unit.sessions.revoke(first.id, unit.now_ms))
    revoked = await rows.store.write(lambda unit: unit.sessions.revoke_all(rows.user.id, unit.now_ms, keep=second.id))
    assert revoked == [third.id]
    assert await rows.store.read(lambda snapshot: snapshot.sessions.of_user(rows.user.id, START_MS)) == [second]
    assert await rows.store.write(lambda unit: unit.sessions.revoke_all(rows.user.id, unit.now_ms)) == [second.id]


async def test_the_list_holds_the_live_ones_the_last_used_first(rows: Rows) -> None:
    old = await rows.add(created_at_ms=START_MS - LIFE_MS)
    first, second = await rows.add(), await rows.add()
    await rows.store.write(lambda unit: unit.sessions.touch(first.id, START_MS + 5))
    listed = await rows.store.read(lambda snapshot: snapshot.sessions.of_user(rows.user.id, START_MS))
    assert [session.id for session in listed] == [first.id, second.id]
    assert old.id not in {session.id for session in listed}


async def test_the_last_use_never_goes_back(rows: Rows) -> None:
    session = await rows.add()
    await rows.store.write(lambda unit: unit.sessions.extend(session.id, START_MS + 10, START_MS + 10 + LIFE_MS))
    await rows.store.write(lambda unit: unit.sessions.touch(session.id, START_MS + 5))
    (listed,) = await rows.store.read(lambda snapshot: snapshot.sessions.of_user(rows.user.id, START_MS))
    assert (listed.last_used_at_ms, listed.expires_at_ms) == (START_MS + 10, START_MS + 10 + LIFE_MS)


async def test_many_sessions_are_found_at_once(rows: Rows) -> None:
    def job(unit: Unit) -> list[str]:
        ids = [str(uuid_utils.uuid7()) for _ in range(1201)]
        for session_id in ids:
            unit.sessions.insert(Session(session_id, rows.user.id, START_MS, START_MS, START_MS + LIFE_MS, ""))
        return ids

    ids = await rows.store.write(job)
    found = await rows.store.read(lambda snapshot: snapshot.sessions.find_many([*ids, rows.user.id]))
    assert found.keys() == set(ids)
    assert await rows.store.read(lambda snapshot: snapshot.sessions.find_many([])) == {}


async def test_a_refresh_token_knows_its_parent_and_its_successor(rows: Rows) -> None:
    session = await rows.add()
    first, second, third = digest("1"), digest("2"), digest("3")

    def job(unit: Unit) -> None:
        unit.sessions.insert_refresh_token(first, session.id, START_MS)
        unit.sessions.insert_refresh_token(second, session.id, START_MS + 1, parent_hash=first)
        unit.sessions.set_refresh_state(first, RefreshState.SPENT)
        unit.sessions.set_refresh_state(second, RefreshState.VOID)
        assert unit.sessions.successor(first) is None
        unit.sessions.insert_refresh_token(third, session.id, START_MS + 2, parent_hash=first)

    await rows.store.write(job)
    token = await rows.store.read(lambda snapshot: snapshot.sessions.find_refresh_token(first))
    successor = await rows.store.read(lambda snapshot: snapshot.sessions.successor(first))
    assert token is not None
    assert successor is not None
    assert (token.state, token.parent_hash, token.session_id) == (RefreshState.SPENT, None, session.id)
    assert (successor.token_hash, successor.state, successor.parent_hash) == (third, RefreshState.LIVE, first)
    assert successor.created_at_ms == START_MS + 2
    assert await rows.store.read(lambda snapshot: snapshot.sessions.find_refresh_token(digest("4"))) is None


async def test_a_ticket_is_taken_once(rows: Rows) -> None:
    session = await rows.add()
    ticket = Ticket(session.id, START_MS + 900_000, START_MS + 30_000)
    await rows.store.write(lambda unit: unit.sessions.insert_ticket(digest("t"), ticket))
    assert await rows.store.write(lambda unit: unit.sessions.take_ticket(digest("t"))) == ticket
    assert await rows.store.write(lambda unit: unit.sessions.take_ticket(digest("t"))) is None


async def test_a_purge_takes_what_is_over_and_leaves_what_lives(rows: Rows) -> None:
    expired = await rows.add(created_at_ms=START_MS - LIFE_MS)
    revoked, living = await rows.add(), await rows.add()

    def job(unit: Unit) -> None:
        unit.sessions.revoke(revoked.id, START_MS)
        for session in (expired, revoked, living):
            unit.sessions.insert_refresh_token(digest(session.id), session.id, START_MS)
        unit.sessions.insert_refresh_token(digest("old"), living.id, START_MS - LIFE_MS)
        unit.sessions.insert_ticket(digest("over"), Ticket(living.id, START_MS, START_MS))
        unit.sessions.insert_ticket(digest("good"), Ticket(living.id, START_MS, START_MS + 1))
        unit.sessions.purge(START_MS, LIFE_MS)

    await rows.store.write(job)

    def look(unit: Unit) -> None:
        assert unit.sessions.find(expired.id) is None
        assert unit.sessions.find(revoked.id) is None
        assert unit.sessions.find(living.id) is not None
        kept = [expired.id, revoked.id, living.id, "old"]
        assert [unit.sessions.find_refresh_token(digest(text)) is not None for text in kept] == [
            False,
            False,
            True,
            False,
        ]
        assert unit.sessions.take_ticket(digest("over")) is None
        assert unit.sessions.take_ticket(digest("good")) is not None

    await rows.store.write(look)

"""The rows of users."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uuid_utils

from api.domain.errors import ChatError, ErrorCode
from api.domain.models import User, UserRef, UserRole, UserStatus
from api.store.snapshot import Unit
from api.store.sqlite import SqliteStore
from tests.support.accounts import START_MS, Clock, open_store

NOBODY = "01980000-0000-7000-8000-000000000000"


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path, Clock()) as opened:
        yield opened


def make(username: str) -> User:
    return User(str(uuid_utils.uuid7()), username, username.title(), UserRole.USER, START_MS)


async def add(store: SqliteStore, *usernames: str) -> list[User]:
    made = [make(username) for username in usernames]

    def job(unit: Unit) -> None:
        for user in made:
            unit.users.insert(user, "a hash")

    await store.write(job)
    return made


async def test_a_user_is_found_as_inserted(store: SqliteStore) -> None:
    (ada,) = await add(store, "Ada")
    assert await store.read(lambda rows: rows.users.find(ada.id)) == ada
    assert await store.read(lambda rows: rows.users.password_hash(ada.id)) == "a hash"
    account = await store.read(lambda rows: rows.users.account(ada.id))
    assert account is not None
    assert (account.user, account.status, account.password_hash) == (ada, UserStatus.ACTIVE, "a hash")


async def test_nobody_is_not_found(store: SqliteStore) -> None:
    assert await store.read(lambda rows: rows.users.find(NOBODY)) is None
    assert await store.read(lambda rows: rows.users.password_hash(NOBODY)) is None
    assert await store.read(lambda rows: rows.users.account(NOBODY)) is None
    assert await store.read(lambda rows: rows.users.find_by_username("nobody")) is None
    assert await store.read(lambda rows: rows.users.refs([NOBODY])) == {}
    assert await store.read(lambda rows: rows.users.refs([])) == {}


@pytest.mark.parametrize("name", ["Ada", "ada", "ADA"])
async def test_a_username_is_one_in_any_case(store: SqliteStore, name: str) -> None:
    (ada,) = await add(store, "Ada")
    assert await store.read(lambda rows: rows.users.find_by_username(name)) == ada
    assert await store.read(lambda rows: rows.users.is_taken(name))
    with pytest.raises(ChatError) as caught:
        await add(store, name)
    assert caught.value.code is ErrorCode.USERNAME_TAKEN


@pytest.mark.parametrize("name", ["Ad", "Ada ", "A%", "___", "ada.x"])
async def test_a_username_is_matched_whole(store: SqliteStore, name: str) -> None:
    await add(store, "Ada")
    assert await store.read(lambda rows: rows.users.find_by_username(name)) is None


async def test_what_is_set_is_read(store: SqliteStore) -> None:
    ada, bob = await add(store, "ada", "bob")

    def job(unit: Unit) -> None:
        unit.users.set_display_name(ada.id, "Countess 🦁")
        unit.users.set_role(ada.id, UserRole.ADMIN)
        unit.users.set_status(ada.id, UserStatus.SUSPENDED)
        unit.users.set_password_hash(ada.id, "another hash")

    await store.write(job)
    account = await store.read(lambda rows: rows.users.account_by_username("ADA"))
    assert account is not None
    assert account.user == User(ada.id, "ada", "Countess 🦁", UserRole.ADMIN, START_MS)
    assert (account.status, account.password_hash) == (UserStatus.SUSPENDED, "another hash")
    assert await store.read(lambda rows: rows.users.find(bob.id)) == bob


async def test_of_a_deleted_user_the_row_stays_and_the_name_stays_taken(store: SqliteStore) -> None:
    (ada,) = await add(store, "Ada")

    def job(unit: Unit) -> UserRef:
        unit.users.set_role(ada.id, UserRole.ADMIN)
        return unit.users.mark_deleted(ada.id)

    ref = await store.write(job)
    assert ref == UserRef(ada.id, f"deleted-{ada.id[-8:]}", f"deleted-{ada.id[-8:]}")
    left = await store.read(lambda rows: rows.users.find(ada.id))
    assert left == User(ada.id, ref.username, ref.display_name, UserRole.USER, START_MS)
    assert await store.read(lambda rows: rows.users.refs([ada.id])) == {ada.id: ref}
    account = await store.read(lambda rows: rows.users.account(ada.id))
    assert account is not None
    assert (account.status, account.password_hash) == (UserStatus.DELETED, None)
    for name in ("Ada", "ada", ref.username):
        assert await store.read(lambda rows, name=name: rows.users.find_by_username(name)) is None  # type: ignore[misc]
    assert await store.read(lambda rows: rows.users.is_taken("aDA"))


async def test_many_users_are_named_at_once(store: SqliteStore) -> None:
    made = await add(store, *(f"user{number}" for number in range(1201)))
    refs = await store.read(lambda rows: rows.users.refs([user.id for user in made]))
    assert refs == {user.id: user.ref for user in made}


async def test_a_rooms_version_only_grows(store: SqliteStore) -> None:
    ada, bob = await add(store, "ada", "bob")
    assert await store.read(lambda rows: rows.users.rooms_versions([ada.id, bob.id])) == {ada.id: 0, bob.id: 0}
    await store.write(lambda unit: unit.users.bump_rooms_version([ada.id]))
    await store.write(lambda unit: unit.users.bump_rooms_version([ada.id, bob.id]))
    assert await store.read(lambda rows: rows.users.rooms_versions([ada.id, bob.id])) == {ada.id: 2, bob.id: 1}

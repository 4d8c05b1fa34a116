"""The rows of users: people's accounts, the deleted ones included, whose messages stay."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.errors import ChatError, ErrorCode
from api.domain.models import User, UserRef, UserRole, UserStatus
from api.domain.text import name_key
from api.store.parts import in_parts
from api.store.tables import users

USER_COLUMNS = (users.c.id, users.c.username, users.c.display_name, users.c.role, users.c.created_at_ms)


@dataclass(frozen=True, slots=True)
class Account:
    """A user with what only the house knows of him; without a hash nobody can log in."""

    user: User
    status: UserStatus
    password_hash: str | None


def user_of(row: Row[*tuple[Any, ...]]) -> User:
    """Read a user from a row that has `USER_COLUMNS` under their own names."""
    return User(row.id, row.username, row.display_name, UserRole(row.role), row.created_at_ms)


class UserRows:
    """The users as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, user: User, password_hash: str | None) -> None:
        """Add an active user.

        Raises:
            ChatError: `username_taken`, in whatever case, by a living or by a deleted user.
        """
        values = {
            "id": user.id,
            "username": user.username,
            "username_key": name_key(user.username),
            "display_name": user.display_name,
            "role": user.role.value,
            "status": UserStatus.ACTIVE.value,
            "password_hash": password_hash,
            "created_at_ms": user.created_at_ms,
        }
        try:
            self._connection.execute(insert(users).values(values))
        except IntegrityError:
            raise ChatError(ErrorCode.USERNAME_TAKEN, "This username is taken.") from None

    def find(self, user_id: str) -> User | None:
        """Find a user by id; a deleted one too, under the name that is left of him."""
        row = self._connection.execute(select(*USER_COLUMNS).where(users.c.id == user_id)).one_or_none()
        return None if row is None else user_of(row)

    def find_by_username(self, username: str) -> User | None:
        """Find a living user by name, in any case; a suspended one too, a deleted one never."""
        account = self.account_by_username(username)
        return None if account is None else account.user

    def is_taken(self, username: str) -> bool:
        """Tell whether nobody can get this name any more: it is somebody's, or was."""
        query = select(users.c.id).where(users.c.username_key == name_key(username))
        return self._connection.execute(query).one_or_none() is not None

    def account(self, user_id: str) -> Account | None:
        """Find what only the house knows of a user, a deleted one included."""
        return self._one_account(_accounts().where(users.c.id == user_id))

    def account_by_username(self, username: str) -> Account | None:
        """Find what only the house knows of a living user."""
        query = _accounts().where(
            users.c.username_key == name_key(username), users.c.status != UserStatus.DELETED.value
        )
        return self._one_account(query)

    def refs(self, ids: Collection[str]) -> dict[str, UserRef]:
        """Name users as they are now; deleted ones by the name that is left of them, unknown ids are left out."""
        found: dict[str, UserRef] = {}
        for part in in_parts(ids):
            query = select(users.c.id, users.c.username, users.c.display_name).where(users.c.id.in_(part))
            for row in self._connection.execute(query):
                found[row.id] = UserRef(row.id, row.username, row.display_name)
        return found

    def password_hash(self, user_id: str) -> str | None:
        """Read the hash of a user's password; None: nobody can log in as this user."""
        return self._connection.execute(select(users.c.password_hash).where(users.c.id == user_id)).scalar_one_or_none()

    def set_password_hash(self, user_id: str, password_hash: str) -> None:
        self._set(user_id, password_hash=password_hash)

    def set_display_name(self, user_id: str, display_name: str) -> None:
        self._set(user_id, display_name=display_name)

    def set_role(self, user_id: str, role: UserRole) -> None:
        self._set(user_id, role=role.value)

    def set_status(self, user_id: str, status: UserStatus) -> None:
        self._set(user_id, status=status.value)

    def mark_deleted(self, user_id: str) -> UserRef:
        """Take name, password and rights from a user; the row stays for the messages, the username stays taken."""
        # A UUIDv7 begins with the time and ends in random bits, which tell nothing of the account.
        name = f"deleted-{user_id[-8:]}"
        self._set(
            user_id,
            username=name,
            display_name=name,
            role=UserRole.USER.value,
            status=UserStatus.DELETED.value,
            password_hash=None,
        )
        return UserRef(user_id, name, name)

    def bump_rooms_version(self, ids: Collection[str]) -> None:
        """Note that the rooms of these users changed, for nodes that do not follow those rooms yet."""
        for part in in_parts(ids):
            statement = update(users).where(users.c.id.in_(part)).values(rooms_version=users.c.rooms_version + 1)
            self._connection.execute(statement)

    def rooms_versions(self, ids: Collection[str]) -> dict[str, int]:
        """Read how often the rooms of these users have changed."""
        found: dict[str, int] = {}
        for part in in_parts(ids):
            query = select(users.c.id, users.c.rooms_version).where(users.c.id.in_(part))
            found.update((row.id, row.rooms_version) for row in self._connection.execute(query))
        return found

    def _set(self, user_id: str, **values: str | None) -> None:
        self._connection.execute(update(users).where(users.c.id == user_id).values(**values))

    def _one_account(self, query: Select[*tuple[Any, ...]]) -> Account | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Account(user_of(row), UserStatus(row.status), row.password_hash)


def _accounts() -> Select[*tuple[Any, ...]]:
    return select(*USER_COLUMNS, users.c.status, users.c.password_hash)

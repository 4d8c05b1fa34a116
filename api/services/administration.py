"""What an operator does to users, on the command line; a running server sees it and acts within a second."""

from api import log_events
from api.domain.errors import not_found
from api.domain.models import User, UserRole, UserStatus
from api.security.passwords import PasswordPolicy, Passwords
from api.services.accounts import enrol, refuse_taken
from api.store.base import Store
from api.store.snapshot import Snapshot, Unit


class Administration:
    """Changes users by name. Doing what is already so succeeds.

    Args:
        store: holds the users.
        passwords: hashes.
        policy: says which passwords may be chosen; operators keep to it too.
    """

    def __init__(self, store: Store, passwords: Passwords, policy: PasswordPolicy) -> None:
        self._store = store
        self._passwords = passwords
        self._policy = policy

    async def create(self, username: str, password: str) -> User:
        """Make an account, sign-up open or closed.

        Args:
            username: as `clean_username` returns it.
            password: as `check_password` lets it pass.

        Raises:
            ChatError: `validation_error`, `username_taken`.
        """
        self._policy.check(password, username, field="password")
        await self._store.read(lambda rows: refuse_taken(rows, username))
        password_hash = await self._passwords.hash(password)
        user = await self._store.write(lambda unit: enrol(unit, username, None, password_hash))
        log_events.USER_CREATED.emit(user_id=user.id, username=user.username)
        return user

    async def suspend(self, username: str) -> User:
        """Lock a user out: no login, no request, no socket. Sessions, rooms and messages stay.

        Raises:
            ChatError: `not_found`.
        """
        user = await self._set_status(username, UserStatus.SUSPENDED)
        log_events.USER_SUSPENDED.emit(user_id=user.id, username=user.username)
        return user

    async def unsuspend(self, username: str) -> User:
        """Let a user in again.

        Raises:
            ChatError: `not_found`.
        """
        user = await self._set_status(username, UserStatus.ACTIVE)
        log_events.USER_UNSUSPENDED.emit(user_id=user.id, username=user.username)
        return user

    async def promote(self, username: str) -> User:
        """Give a user the owner's rights in all public rooms.

        Raises:
            ChatError: `not_found`.
        """
        user = await self._set_role(username, UserRole.ADMIN)
        log_events.USER_PROMOTED.emit(user_id=user.id, username=user.username)
        return user

    async def demote(self, username: str) -> User:
        """Take these rights from a user.

        Raises:
            ChatError: `not_found`.
        """
        user = await self._set_role(username, UserRole.USER)
        log_events.USER_DEMOTED.emit(user_id=user.id, username=user.username)
        return user

    async def reset_password(self, username: str, password: str) -> User:
        """Give a user another password, and end all his sessions.

        Raises:
            ChatError: `not_found`, `validation_error`.
        """
        self._policy.check(password, username, field="password")
        await self._store.read(lambda rows: _by_name(rows, username))
        password_hash = await self._passwords.hash(password)

        def job(unit: Unit) -> User:
            user = _by_name(unit, username)
            unit.users.set_password_hash(user.id, password_hash)
            unit.sessions.revoke_all(user.id, unit.now_ms)
            return user

        user = await self._store.write(job)
        log_events.USER_PASSWORD_RESET.emit(user_id=user.id, username=user.username)
        return user

    async def _set_status(self, username: str, status: UserStatus) -> User:
        def job(unit: Unit) -> User:
            user = _by_name(unit, username)
            unit.users.set_status(user.id, status)
            return user

        return await self._store.write(job)

    async def _set_role(self, username: str, role: UserRole) -> User:
        def job(unit: Unit) -> User:
            unit.users.set_role(_by_name(unit, username).id, role)
            return _by_name(unit, username)

        return await self._store.write(job)


def _by_name(rows: Snapshot, username: str) -> User:
    user = rows.users.find_by_username(username)
    if user is None:
        raise not_found("user")
    return user

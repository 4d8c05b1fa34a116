"""Users as others find them, and how they show themselves."""

from dataclasses import replace

from api.domain.errors import ChatError, ErrorCode, not_found
from api.domain.models import User, UserStatus
from api.domain.text import clean_username
from api.services.authentication import Authenticator, Principal
from api.services.live import LiveSessions
from api.store.base import Store
from api.store.snapshot import Unit


class Users:
    """Finds users, and changes what a user says of himself.

    Args:
        store: holds them.
        authenticator: is told what to forget.
        live: shows the change on open sockets.
    """

    def __init__(self, store: Store, authenticator: Authenticator, live: LiveSessions) -> None:
        self._store = store
        self._authenticator = authenticator
        self._live = live

    async def get(self, user_id: str) -> User:
        """Find a user by id: also a suspended one, and what is left of a deleted one.

        Raises:
            ChatError: `not_found`.
        """
        user = await self._store.read(lambda rows: rows.users.find(user_id))
        if user is None:
            raise not_found("user")
        return user

    async def find_by_username(self, username: str) -> User | None:
        """Find a living user by the whole name, in any case."""
        name = username_or_none(username)
        if name is None:
            return None
        return await self._store.read(lambda rows: rows.users.find_by_username(name))

    async def set_display_name(self, principal: Principal, display_name: str) -> User:
        """Change a user's own display name; past messages show it too.

        Raises:
            ChatError: `session_revoked`, the account was deleted in the meantime.
        """

        def job(unit: Unit) -> User:
            user = still_there(unit, principal.user.id)
            unit.users.set_display_name(user.id, display_name)
            return replace(user, display_name=display_name)

        user = await self._store.write(job)
        self._authenticator.invalidate_user(user.id)
        self._live.refresh_user(user)
        return user


def still_there(unit: Unit, user_id: str) -> User:
    """Find the user who asks, as he is now; his token was looked at before the transaction.

    Raises:
        ChatError: `session_revoked`, the account was deleted in the meantime.
    """
    account = unit.users.account(user_id)
    if account is None or account.status is UserStatus.DELETED:
        raise ChatError(ErrorCode.SESSION_REVOKED, "This session has ended; log in again.")
    return account.user


def username_or_none(text: str) -> str | None:
    """Return the text as the username it may be; None: nobody can be called so."""
    try:
        return clean_username(text)
    except ValueError:
        return None

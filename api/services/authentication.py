"""Who is asking: from an access token or a ticket to a user whose session still lives."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from api.domain.errors import ChatError, ErrorCode
from api.domain.models import User, UserStatus
from api.security.tokens import AccessTokens
from api.store.base import Store
from api.store.gathering import Gathering
from api.store.parts import in_parts
from api.store.sessions import SessionRecord

# A revocation on this node takes effect at once; one that no message told of (another process, the bus down) after so
# long at the latest. The contract allows 15 s.
CACHE_SECONDS = 10.0
_CACHE_MAX = 10_000
_FAULTS: Final = {
    ErrorCode.ACCOUNT_SUSPENDED: "This account is suspended.",
    ErrorCode.SESSION_REVOKED: "This session has ended; log in again.",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """A user who has shown a good token: which session it is of, and until when it is good."""

    user: User
    session_id: str
    expires_at_ms: int


class Authenticator:
    """Checks tokens and their sessions; keeps what it read of sessions for a few seconds.

    Args:
        store: holds the sessions.
        tokens: verifies the access tokens.
        clock_ms: the time in milliseconds since the epoch.
        monotonic: seconds that never go back, for the cache's age.
        cache_seconds: how long a session may be believed to live without a look at the store.
    """

    def __init__(
        self,
        store: Store,
        tokens: AccessTokens,
        *,
        clock_ms: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        cache_seconds: float = CACHE_SECONDS,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        self._cache_seconds = cache_seconds
        self._cache: dict[str, tuple[SessionRecord, float]] = {}
        # Counts the invalidations: what was read before one of them may be out of date, and is not kept.
        self._generation = 0
        self._used_at_ms: dict[str, int] = {}
        self._records = Gathering(self._read_some)

    async def authenticate(self, token: str | None) -> Principal:
        """Say whose access token this is.

        Raises:
            ChatError: `missing_token`, `invalid_token`, `token_expired`, `session_revoked`, `account_suspended`.
        """
        if token is None:
            raise ChatError(ErrorCode.MISSING_TOKEN, "An access token is needed: Authorization: Bearer <token>.")
        claims = self._tokens.decode(token)
        principal = await self.admit(claims.session_id, claims.expires_at_ms)
        if principal.user.id != claims.user_id:
            raise ChatError(ErrorCode.INVALID_TOKEN, "The access token is not valid.")
        return principal

    async def admit(self, session_id: str, expires_at_ms: int) -> Principal:
        """Say who a session is, for a token or ticket of it that is good until then.

        Raises:
            ChatError: `token_expired`, `session_revoked`, `account_suspended`.
        """
        now_ms = self._clock_ms()
        if expires_at_ms <= now_ms:
            raise ChatError(ErrorCode.TOKEN_EXPIRED, "The access token has expired.")
        record = self._cached(session_id) or await self._records.get(session_id)
        found = _user_or_fault(record, now_ms)
        if isinstance(found, ErrorCode):
            user_id = None if record is None else record.user.id
            raise ChatError(found, _FAULTS[found], user_id=user_id)
        self._used_at_ms[session_id] = now_ms
        return Principal(found, session_id, expires_at_ms)

    async def look_again(self, session_id: str) -> User | ErrorCode:
        """Look at one session anew, past the cache: its user, or why it has ended."""
        return _user_or_fault(await self._records.get(session_id), self._clock_ms())

    async def recheck(self, session_ids: Collection[str]) -> dict[str, User | ErrorCode]:
        """Look at sessions anew, past the cache: the user of each that lives, or why it has ended."""
        records = await self._read_many(session_ids)
        now_ms = self._clock_ms()
        return {session_id: _user_or_fault(records.get(session_id), now_ms) for session_id in session_ids}

    def invalidate_session(self, *session_ids: str) -> None:
        """Forget what was read of sessions; to be called after the commit that changed them."""
        self._generation += 1
        for session_id in session_ids:
            self._cache.pop(session_id, None)

    def invalidate_user(self, user_id: str) -> None:
        """Forget what was read of all sessions of a user."""
        self._generation += 1
        for session_id in [key for key, (record, _) in self._cache.items() if record.user.id == user_id]:
            del self._cache[session_id]

    def invalidate_all(self) -> None:
        """Forget everything that was read: another process has changed the database."""
        self._generation += 1
        self._cache.clear()

    def take_used(self) -> dict[str, int]:
        """Hand over when each session was used last since the last call, in milliseconds since the epoch."""
        used, self._used_at_ms = self._used_at_ms, {}
        return used

    def _cached(self, session_id: str) -> SessionRecord | None:
        found = self._cache.get(session_id)
        if found is None or self._monotonic() - found[1] >= self._cache_seconds:
            return None
        return found[0]

    async def _read_many(self, session_ids: Collection[str]) -> dict[str, SessionRecord]:
        records: dict[str, SessionRecord] = {}
        # In parts, between which the event loop does other things: ten thousand at once would hold it for 0.2 s.
        for part in in_parts(session_ids):
            records |= await self._read_some(part)
        return records

    async def _read_some(self, session_ids: Collection[str]) -> dict[str, SessionRecord]:
        generation = self._generation
        read_at_s = self._monotonic()
        records = await self._store.read(lambda rows: rows.sessions.find_many(session_ids))
        if generation == self._generation:
            for session_id, record in records.items():
                self._keep(session_id, record, read_at_s)
        return records

    def _keep(self, session_id: str, record: SessionRecord, read_at_s: float) -> None:
        self._cache.pop(session_id, None)
        if len(self._cache) >= _CACHE_MAX:
            del self._cache[next(iter(self._cache))]
        self._cache[session_id] = (record, read_at_s)


def _user_or_fault(record: SessionRecord | None, now_ms: int) -> User | ErrorCode:
    if record is None or not record.is_live(now_ms) or record.status is UserStatus.DELETED:
        return ErrorCode.SESSION_REVOKED
    return ErrorCode.ACCOUNT_SUSPENDED if record.status is UserStatus.SUSPENDED else record.user

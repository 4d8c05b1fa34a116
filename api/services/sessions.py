"""Sessions: one login each, kept alive by refresh tokens that are used once, ended by log-out or revocation."""

from collections.abc import Callable
from dataclasses import dataclass

import uuid_utils

from api import log_events
from api.domain.errors import ChatError, ErrorCode, not_found
from api.domain.models import Session, UserStatus
from api.protocol.problems import CloseCode
from api.security import tickets
from api.security.tokens import AccessTokens
from api.services.authentication import Authenticator, Principal
from api.services.live import LiveSessions
from api.store.base import Store
from api.store.sessions import RefreshState, RefreshToken, SessionRecord
from api.store.snapshot import Unit

USER_AGENT_CHARS_MAX = 256


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login or a refresh gives; both lives are in seconds."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int

    def __repr__(self) -> str:
        return "TokenPair(...)"


@dataclass(frozen=True, slots=True)
class Issued:
    """A session with the refresh token that was made for it, before the access token is signed."""

    session_id: str
    user_id: str
    refresh: tickets.OpaqueToken


class Sessions:
    """Opens, refreshes, lists and ends sessions.

    Args:
        store: holds them.
        tokens: signs access tokens.
        authenticator: is told what to forget.
        live: closes the sockets of what has ended.
        clock_ms: the time in milliseconds since the epoch.
        refresh_life_seconds: of a refresh token, and so of a session that is not used.
    """

    def __init__(
        self,
        store: Store,
        tokens: AccessTokens,
        authenticator: Authenticator,
        live: LiveSessions,
        *,
        clock_ms: Callable[[], int],
        refresh_life_seconds: int,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._authenticator = authenticator
        self._live = live
        self._clock_ms = clock_ms
        self._life_seconds = refresh_life_seconds
        self._life_ms = refresh_life_seconds * 1000

    def open(self, unit: Unit, user_id: str, user_agent: str) -> Issued:
        """Add a session within a transaction; `pair` makes its tokens once that is committed."""
        now_ms = unit.now_ms
        session = Session(
            id=str(uuid_utils.uuid7()),
            user_id=user_id,
            created_at_ms=now_ms,
            last_used_at_ms=now_ms,
            expires_at_ms=now_ms + self._life_ms,
            user_agent=_printable(user_agent)[:USER_AGENT_CHARS_MAX],
        )
        refresh = tickets.mint()
        unit.sessions.insert(session)
        unit.sessions.insert_refresh_token(refresh.digest, session.id, now_ms)
        return Issued(session.id, user_id, refresh)

    def pair(self, issued: Issued) -> TokenPair:
        """Sign an access token for a session that was just opened or refreshed."""
        access_token, _ = self._tokens.issue(issued.user_id, issued.session_id)
        return TokenPair(access_token, self._tokens.life_seconds, issued.refresh.text, self._life_seconds)

    async def refresh(self, refresh_token: str, *, address: str) -> TokenPair:
        """Exchange a refresh token for a new pair.

        Until the successor has been used a spent token gives another one, which voids the first: the answer was lost
        on its way. After that, one of two holders is a thief, and the session ends.

        Raises:
            ChatError: `invalid_token`, `refresh_token_reused`, `account_suspended`.
        """
        digest = tickets.digest(refresh_token)
        if digest is None:
            raise _invalid()
        outcome = await self._store.write(lambda unit: self._rotate(unit, digest))
        if isinstance(outcome, Issued):
            return self.pair(outcome)
        session = outcome.session
        log_events.AUTH_REFRESH_REUSED.emit(user_id=session.user_id, session_id=session.id, client=address)
        self._end([session.id])
        raise ChatError(
            ErrorCode.REFRESH_TOKEN_REUSED, "This refresh token was used before; the session has ended, log in again."
        )

    async def of_user(self, principal: Principal) -> list[Session]:
        """List the user's live sessions, the one used last first."""
        return await self._store.read(lambda rows: rows.sessions.of_user(principal.user.id, self._clock_ms()))

    async def log_out(self, principal: Principal) -> None:
        """End the session of whoever asks."""
        await self._store.write(lambda unit: unit.sessions.revoke(principal.session_id, unit.now_ms))
        log_events.AUTH_LOGGED_OUT.emit(user_id=principal.user.id, session_id=principal.session_id)
        self._end([principal.session_id])

    async def revoke(self, principal: Principal, session_id: str) -> None:
        """End one session of whoever asks.

        Raises:
            ChatError: `not_found`, there is no such live session of his.
        """

        def job(unit: Unit) -> None:
            record = unit.sessions.find(session_id)
            if record is None or record.user.id != principal.user.id or not record.is_live(unit.now_ms):
                raise not_found("session")
            unit.sessions.revoke(session_id, unit.now_ms)

        await self._store.write(job)
        log_events.AUTH_SESSION_REVOKED.emit(user_id=principal.user.id, session_id=session_id)
        self._end([session_id])

    async def note_use(self) -> None:
        """Write down when sessions were used last; to be called every minute or so."""
        used = self._authenticator.take_used()
        if not used:
            return

        def job(unit: Unit) -> None:
            for session_id, at_ms in used.items():
                unit.sessions.touch(session_id, at_ms)

        await self._store.write(job)

    async def purge(self) -> None:
        """Forget what is expired or ended; to be called every hour or so."""
        await self._store.write(lambda unit: unit.sessions.purge(unit.now_ms, self._life_ms))

    def _rotate(self, unit: Unit, digest: bytes) -> Issued | SessionRecord:
        token = unit.sessions.find_refresh_token(digest)
        if token is None or token.created_at_ms + self._life_ms <= unit.now_ms:
            raise _invalid()
        record = unit.sessions.find(token.session_id)
        if record is None or not record.is_live(unit.now_ms):
            raise _invalid()
        unused = _unused_successor(unit, token)
        if token.state is not RefreshState.LIVE and unused is None:
            # Returned, not raised: raising would undo the revocation.
            unit.sessions.revoke(token.session_id, unit.now_ms)
            return record
        if record.status is UserStatus.SUSPENDED:
            raise ChatError(ErrorCode.ACCOUNT_SUSPENDED, "This account is suspended.")
        if unused is not None:
            unit.sessions.set_refresh_state(unused.token_hash, RefreshState.VOID)
        unit.sessions.set_refresh_state(digest, RefreshState.SPENT)
        refresh = tickets.mint()
        unit.sessions.insert_refresh_token(refresh.digest, token.session_id, unit.now_ms, parent_hash=digest)
        unit.sessions.extend(token.session_id, unit.now_ms, unit.now_ms + self._life_ms)
        return Issued(token.session_id, record.user.id, refresh)

    def _end(self, session_ids: list[str]) -> None:
        self._authenticator.invalidate_session(*session_ids)
        self._live.close_sessions(session_ids, CloseCode.SESSION_REVOKED)


def _unused_successor(unit: Unit, token: RefreshToken) -> RefreshToken | None:
    if token.state is not RefreshState.SPENT:
        return None
    successor = unit.sessions.successor(token.token_hash)
    return successor if successor is not None and successor.state is RefreshState.LIVE else None


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _invalid() -> ChatError:
    return ChatError(ErrorCode.INVALID_TOKEN, "The refresh token is not valid; log in again.")

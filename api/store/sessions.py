"""The rows of sessions, and of what belongs to them: refresh tokens and WebSocket tickets, by their hashes only."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select, update

from api.domain.models import Session, User, UserStatus
from api.store.parts import in_parts
from api.store.tables import refresh_tokens, sessions, tickets, users
from api.store.users import USER_COLUMNS, user_of


class RefreshState(StrEnum):
    """What became of a refresh token: not used yet, exchanged for a successor, or replaced unused."""

    LIVE = "live"
    SPENT = "spent"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session with its user, alive or not: revoked, expired and suspended are told apart by whoever asks."""

    session: Session
    user: User
    status: UserStatus
    is_revoked: bool

    def is_live(self, now_ms: int) -> bool:
        """Tell whether tokens of this session are good; whether the user is suspended is another question."""
        return not self.is_revoked and now_ms < self.session.expires_at_ms


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token; `parent_hash` is the token that was spent for it, None for the one that log-in gave."""

    token_hash: bytes
    session_id: str
    parent_hash: bytes | None
    state: RefreshState
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket: the session it opens a socket for, and how long that socket may live without a fresh token."""

    session_id: str
    token_expires_at_ms: int
    expires_at_ms: int


_SESSION = (
    sessions.c.id.label("session_id"),
    sessions.c.user_id,
    sessions.c.created_at_ms.label("session_created_at_ms"),
    sessions.c.last_used_at_ms,
    sessions.c.expires_at_ms,
    sessions.c.user_agent,
)


class SessionRows:
    """The sessions as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, session: Session) -> None:
        self._connection.execute(
            insert(sessions).values(
                id=session.id,
                user_id=session.user_id,
                created_at_ms=session.created_at_ms,
                last_used_at_ms=session.last_used_at_ms,
                expires_at_ms=session.expires_at_ms,
                user_agent=session.user_agent,
            )
        )

    def find(self, session_id: str) -> SessionRecord | None:
        """Find a session and its user in one query, whatever became of both."""
        return self.find_many([session_id]).get(session_id)

    def find_many(self, ids: Collection[str]) -> dict[str, SessionRecord]:
        """Find sessions and their users; unknown ids are left out."""
        found: dict[str, SessionRecord] = {}
        for part in in_parts(ids):
            query = (
                select(*_SESSION, sessions.c.revoked_at_ms, *USER_COLUMNS, users.c.status)
                .join(users, users.c.id == sessions.c.user_id)
                .where(sessions.c.id.in_(part))
            )
            for row in self._connection.execute(query):
                found[row.session_id] = SessionRecord(
                    _session_of(row), user_of(row), UserStatus(row.status), row.revoked_at_ms is not None
                )
        return found

    def of_user(self, user_id: str, now_ms: int) -> list[Session]:
        """List a user's live sessions, the one used last first."""
        query = (
            select(*_SESSION)
            .where(_live(user_id), sessions.c.expires_at_ms > now_ms)
            .order_by(sessions.c.last_used_at_ms.desc(), sessions.c.id.desc())
        )
        return [_session_of(row) for row in self._connection.execute(query)]

    def revoke(self, session_id: str, now_ms: int) -> bool:
        """End one session; False: it was ended before, or never was."""
        return bool(self._revoke(sessions.c.id == session_id, now_ms))

    def revoke_all(self, user_id: str, now_ms: int, *, keep: str | None = None) -> list[str]:
        """End all sessions of a user, but for the one to keep; returns the ids of those that lived."""
        condition = sessions.c.user_id == user_id
        return self._revoke(condition if keep is None else condition & (sessions.c.id != keep), now_ms)

    def touch(self, session_id: str, last_used_at_ms: int) -> None:
        """Note when a session was used, unless it was used later."""
        self._connection.execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.last_used_at_ms < last_used_at_ms)
            .values(last_used_at_ms=last_used_at_ms)
        )

    def extend(self, session_id: str, now_ms: int, expires_at_ms: int) -> None:
        """Let a session live on, as it is used now."""
        self._connection.execute(
            update(sessions)
            .where(sessions.c.id == session_id)
            .values(last_used_at_ms=now_ms, expires_at_ms=expires_at_ms)
        )

    def insert_refresh_token(
        self, token_hash: bytes, session_id: str, now_ms: int, *, parent_hash: bytes | None = None
    ) -> None:
        """Add a live refresh token."""
        self._connection.execute(
            insert(refresh_tokens).values(
                token_hash=token_hash,
                session_id=session_id,
                parent_hash=parent_hash,
                state=RefreshState.LIVE.value,
                created_at_ms=now_ms,
            )
        )

    def find_refresh_token(self, token_hash: bytes) -> RefreshToken | None:
        return self._one_token(refresh_tokens.c.token_hash == token_hash)

    def successor(self, token_hash: bytes) -> RefreshToken | None:
        """Find the token that stands for a spent one now; replaced ones do not count."""
        return self._one_token(
            (refresh_tokens.c.parent_hash == token_hash) & (refresh_tokens.c.state != RefreshState.VOID.value)
        )

    def set_refresh_state(self, token_hash: bytes, state: RefreshState) -> None:
        self._connection.execute(
            update(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash).values(state=state.value)
        )

    def insert_ticket(self, ticket_hash: bytes, ticket: Ticket) -> None:
        self._connection.execute(
            insert(tickets).values(
                ticket_hash=ticket_hash,
                session_id=ticket.session_id,
                token_expires_at_ms=ticket.token_expires_at_ms,
                expires_at_ms=ticket.expires_at_ms,
            )
        )

    def take_ticket(self, ticket_hash: bytes) -> Ticket | None:
        """Take a ticket out: of all who ask for it one gets it, and nobody after."""
        row = self._connection.execute(
            delete(tickets)
            .where(tickets.c.ticket_hash == ticket_hash)
            .returning(tickets.c.session_id, tickets.c.token_expires_at_ms, tickets.c.expires_at_ms)
        ).one_or_none()
        return None if row is None else Ticket(row.session_id, row.token_expires_at_ms, row.expires_at_ms)

    def purge(self, now_ms: int, refresh_life_ms: int) -> None:
        """Forget what no answer depends on any more: all that is expired, and all of sessions that are over.

        A token of a forgotten session is refused with the same codes as one of a revoked session.
        """
        over = or_(sessions.c.expires_at_ms <= now_ms, sessions.c.revoked_at_ms.is_not(None))
        self._connection.execute(delete(tickets).where(tickets.c.expires_at_ms <= now_ms))
        self._connection.execute(
            delete(refresh_tokens).where(
                or_(
                    refresh_tokens.c.created_at_ms <= now_ms - refresh_life_ms,
                    refresh_tokens.c.session_id.in_(select(sessions.c.id).where(over)),
                )
            )
        )
        self._connection.execute(delete(sessions).where(over))

    def _revoke(self, condition: ColumnElement[bool], now_ms: int) -> list[str]:
        statement = (
            update(sessions)
            .where(condition, sessions.c.revoked_at_ms.is_(None))
            .values(revoked_at_ms=now_ms)
            .returning(sessions.c.id)
        )
        return list(self._connection.execute(statement).scalars())

    def _one_token(self, condition: ColumnElement[bool]) -> RefreshToken | None:
        columns = refresh_tokens.c
        row = self._connection.execute(
            select(
                columns.token_hash, columns.session_id, columns.parent_hash, columns.state, columns.created_at_ms
            ).where(condition)
        ).one_or_none()
        if row is None:
            return None
        return RefreshToken(row.token_hash, row.session_id, row.parent_hash, RefreshState(row.state), row.created_at_ms)


def _live(user_id: str) -> ColumnElement[bool]:
    return (sessions.c.user_id == user_id) & sessions.c.revoked_at_ms.is_(None)


def _session_of(row: Row[*tuple[Any, ...]]) -> Session:
    return Session(
        row.session_id,
        row.user_id,
        row.session_created_at_ms,
        row.last_used_at_ms,
        row.expires_at_ms,
        row.user_agent,
    )

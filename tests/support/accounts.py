"""The services of accounts on a real database of their own, with a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from api.broadcast.stats import NodeStats
from api.domain.models import RoomInfo, User, UserStatus, Visibility
from api.protocol.problems import CloseCode
from api.rate_limiter import RateLimiter, Rule, WindowRateLimiter
from api.security.passwords import PasswordPolicy, Passwords
from api.security.tokens import AccessTokens
from api.services.accounts import Accounts
from api.services.administration import Administration
from api.services.authentication import Authenticator, Principal
from api.services.failed_logins import FailedLogins
from api.services.sessions import Sessions, TokenPair
from api.services.tickets import Tickets
from api.services.users import Users
from api.store.schema import migrate
from api.store.snapshot import Unit
from api.store.sqlite import SqliteStore, open_sqlite_store

SECRET: Final = "a secret of this test, which guards nothing at all"
PASSWORD: Final = "correct horse battery"
ADDRESS: Final = "192.0.2.1"
ROOM_ID: Final = "01980000-0000-7000-8000-00000000beef"
LIFE_SECONDS: Final = 900
REFRESH_SECONDS: Final = 2_592_000
# 2026-11-22T05:12:00.123Z
START_MS: Final = 1_795_324_320_123


@dataclass
class Clock:
    """A wall clock and a monotonic one that stand still until a test moves them."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_ms

    def monotonic(self) -> float:
        """Tell the seconds that never go back."""
        return self.now_ms / 1000

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ms += round(seconds * 1000)


@dataclass
class RecordingLive:
    """Remembers what open sockets would have been told."""

    closed_sessions: list[tuple[str, CloseCode]] = field(default_factory=list)
    closed_users: list[tuple[str, CloseCode]] = field(default_factory=list)
    refreshed: list[User] = field(default_factory=list)

    def close_sessions(self, session_ids: Collection[str], code: CloseCode) -> None:
        """Remember it."""
        self.closed_sessions += [(session_id, code) for session_id in session_ids]

    def close_user(self, user_id: str, code: CloseCode) -> None:
        """Remember it."""
        self.closed_users.append((user_id, code))

    def refresh_user(self, user: User) -> None:
        """Remember it."""
        self.refreshed.append(user)


@dataclass
class House:
    """All services of accounts, over one store."""

    store: SqliteStore
    clock: Clock
    live: RecordingLive
    tokens: AccessTokens
    authenticator: Authenticator
    sessions: Sessions
    accounts: Accounts
    administration: Administration
    tickets: Tickets
    users: Users

    async def sign_up(self, username: str, password: str = PASSWORD) -> User:
        """Make an account."""
        return await self.accounts.sign_up(username, password, None, address=ADDRESS)

    async def log_in(self, username: str, password: str = PASSWORD, *, address: str = ADDRESS) -> TokenPair:
        """Open a session."""
        return await self.accounts.log_in(username, password, address=address, user_agent="test/1")

    async def enter(self, username: str) -> tuple[Principal, TokenPair]:
        """Make an account and open a session."""
        await self.sign_up(username)
        pair = await self.log_in(username)
        return await self.authenticator.authenticate(pair.access_token), pair

    async def status(self, user: User) -> UserStatus:
        """Read whether somebody may log in."""
        account = await self.store.read(lambda rows: rows.users.account(user.id))
        assert account is not None
        return account.status


@asynccontextmanager
async def open_store(folder: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    """Open a migrated database in this folder."""
    path = folder / "chat.db"
    path.write_bytes(migrated_database())
    url = f"sqlite+aiosqlite:///{path}"
    async with open_sqlite_store(url, observe_commit=lambda _seconds: None, clock_ms=clock) as store:
        yield store


@asynccontextmanager
async def open_house(
    folder: Path, *, limiter: RateLimiter | None = None, signup_rule: str = "60/hour", is_signup_open: bool = True
) -> AsyncIterator[House]:
    """Open all services on a database of their own, with the default room."""
    clock, live, stats = Clock(), RecordingLive(), NodeStats()
    async with open_store(folder, clock) as store:
        await store.write(_open_default_room)
        tokens = AccessTokens([SECRET], life_seconds=LIFE_SECONDS, clock_ms=clock)
        authenticator = Authenticator(store, tokens, clock_ms=clock, monotonic=clock.monotonic)
        passwords, policy = Passwords(memory_kib=64), PasswordPolicy(min_length=12)
        limiter = limiter or WindowRateLimiter()
        sessions = Sessions(store, tokens, authenticator, live, clock_ms=clock, refresh_life_seconds=REFRESH_SECONDS)
        accounts = Accounts(
            store=store,
            passwords=passwords,
            policy=policy,
            sessions=sessions,
            authenticator=authenticator,
            live=live,
            limiter=limiter,
            signup_rule=Rule.parse(signup_rule),
            failed_logins=FailedLogins(limiter, Rule.parse("10/15 minutes"), stats=stats),
            is_signup_open=is_signup_open,
            stats=stats,
        )
        try:
            yield House(
                store,
                clock,
                live,
                tokens,
                authenticator,
                sessions,
                accounts,
                Administration(store, passwords, policy),
                Tickets(store, authenticator, clock_ms=clock, life_seconds=30),
                Users(store, authenticator, live),
            )
        finally:
            passwords.close()


@cache
def migrated_database() -> bytes:
    """Make an empty database; once for all tests of a process, a migration is slow beside what they do with it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chat.db"
        migrate(f"sqlite+aiosqlite:///{path}")
        return path.read_bytes()


def _open_default_room(unit: Unit) -> None:
    room = RoomInfo(ROOM_ID, "general", "", Visibility.PUBLIC)
    unit.rooms.insert(room, epoch="e1", now_ms=unit.now_ms, is_default=True)

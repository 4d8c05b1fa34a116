"""Everything that is open while the server runs, built and closed in one place; the only chooser of backends."""

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import uuid_utils

from api import log_events
from api.broadcast.hub import Hub
from api.broadcast.manager import BroadcastManager
from api.broadcast.memory import MemoryBroker
from api.broadcast.stats import NodeStats
from api.rate_limiter import NoRateLimiter, RateLimiter, Rule, WindowRateLimiter
from api.security.passwords import PasswordPolicy, Passwords
from api.security.tokens import AccessTokens, load_or_create_secret
from api.services.accounts import Accounts
from api.services.administration import Administration
from api.services.authentication import Authenticator
from api.services.failed_logins import FailedLogins
from api.services.members import Members
from api.services.messages import Messages
from api.services.rooms import Rooms, open_default_room
from api.services.sessions import Sessions
from api.services.tickets import Tickets
from api.services.upkeep import Upkeep
from api.services.users import Users
from api.store.base import Store
from api.store.sqlite import open_sqlite_store
from config.settings import Settings

DRAIN_STEP_S: Final = 0.25
GOODBYES_A_STEP_MIN: Final = 50
"""A small server is empty at once, a large one within its deadline."""


@dataclass(slots=True)
class Resources:
    """What routes and sockets work with."""

    clock_ms: Callable[[], int]
    store: Store
    stats: NodeStats
    hub: Hub
    manager: BroadcastManager
    authenticator: Authenticator
    sessions: Sessions
    tickets: Tickets
    passwords: Passwords
    accounts: Accounts
    users: Users
    rooms: Rooms
    members: Members
    messages: Messages
    is_draining: bool = field(default=False)

    async def drain(self, deadline_s: float) -> None:
        """Refuse newcomers, and send those who are here away in steps, within the deadline.

        Each is told when to come back: at a random moment of the time that the steps take, so that they do not all
        knock at once.
        """
        self.is_draining = True
        log_events.NODE_DRAINING.emit(connections=len(self.hub), drain_seconds=deadline_s)
        leaving = list(self.hub.all())
        random.shuffle(leaving)
        steps = max(1, int(deadline_s / 2 / DRAIN_STEP_S))
        at_once = max(GOODBYES_A_STEP_MIN, -(-len(leaving) // steps))
        wait_ms_max = max(1000, round(1000 * DRAIN_STEP_S * len(leaving) / at_once))
        async with asyncio.TaskGroup() as goodbyes:
            for start in range(0, len(leaving), at_once):
                if start:
                    await asyncio.sleep(DRAIN_STEP_S)
                for connection in leaving[start : start + at_once]:
                    goodbyes.create_task(connection.drain(secrets.randbelow(wait_ms_max)))


@asynccontextmanager
async def open_resources(settings: Settings, stats: NodeStats) -> AsyncIterator[Resources]:
    """Open the migrated database and everything on top of it; close it all in reverse, whatever fails.

    Args:
        settings: which, and how.
        stats: counts what the node does.
    """
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_sqlite_store(settings.database_url, observe_commit=stats.commit_latency.observe, clock_ms=_clock_ms)
        )
        hub = Hub()
        manager = BroadcastManager(store=store, broker=MemoryBroker(), hub=hub, stats=stats)
        store.on_committed = manager.committed
        passwords = Passwords()
        stack.callback(passwords.close)
        resources = _build(settings, store, hub, manager, stats, passwords)
        await _open_default_room(settings, store)
        upkeep = Upkeep(
            store=store,
            hub=hub,
            manager=manager,
            authenticator=resources.authenticator,
            sessions=resources.sessions,
            stats=stats,
            clock_ms=_clock_ms,
        )
        stack.callback(upkeep.write_stats)
        working = asyncio.create_task(upkeep.run())
        stack.push_async_callback(_cancel, working)
        yield resources


@asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[Administration]:
    """Open what the command line needs to change users, beside a running server or without one."""
    async with open_sqlite_store(
        settings.database_url, observe_commit=lambda _seconds: None, clock_ms=_clock_ms
    ) as store:
        await _open_default_room(settings, store)
        with contextlib.closing(Passwords(threads=1)) as passwords:
            yield Administration(store, passwords, PasswordPolicy(min_length=settings.password_min_length))


def _build(  # noqa: PLR0917 - what the services stand on
    settings: Settings, store: Store, hub: Hub, manager: BroadcastManager, stats: NodeStats, passwords: Passwords
) -> Resources:
    secret_keys = [key.get_secret_value() for key in settings.secret_keys]
    tokens = AccessTokens(
        secret_keys or [load_or_create_secret(settings.data_dir)],
        life_seconds=settings.access_token_seconds,
        clock_ms=_clock_ms,
    )
    limiter: RateLimiter = WindowRateLimiter() if settings.rate_limits_enabled else NoRateLimiter()
    authenticator = Authenticator(store, tokens, clock_ms=_clock_ms)
    sessions = Sessions(
        store,
        tokens,
        authenticator,
        manager,
        clock_ms=_clock_ms,
        refresh_life_seconds=settings.refresh_token_seconds,
    )
    accounts = Accounts(
        store=store,
        passwords=passwords,
        policy=PasswordPolicy(min_length=settings.password_min_length),
        sessions=sessions,
        authenticator=authenticator,
        live=manager,
        limiter=limiter,
        signup_rule=Rule.parse(settings.rate_limit_signup),
        failed_logins=FailedLogins(limiter, Rule.parse(settings.rate_limit_login), stats=stats),
        is_signup_open=settings.signup == "open",
        stats=stats,
    )
    return Resources(
        clock_ms=_clock_ms,
        store=store,
        stats=stats,
        hub=hub,
        manager=manager,
        authenticator=authenticator,
        sessions=sessions,
        tickets=Tickets(store, authenticator, clock_ms=_clock_ms, life_seconds=settings.ticket_seconds),
        passwords=passwords,
        accounts=accounts,
        users=Users(store, authenticator, manager),
        rooms=Rooms(
            store,
            manager,
            new_id=_new_id,
            new_epoch=_new_epoch,
            rooms_per_user_max=settings.max_rooms_per_user,
        ),
        members=Members(store, manager, rooms_per_user_max=settings.max_rooms_per_user),
        messages=Messages(store, manager, new_id=_new_id),
    )


async def _open_default_room(settings: Settings, store: Store) -> None:
    if settings.default_room:
        await open_default_room(store, settings.default_room, new_id=_new_id, new_epoch=_new_epoch)


def _new_epoch() -> str:
    return secrets.token_hex(8)


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_id() -> str:
    return str(uuid_utils.uuid7())


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

"""What a node does by itself, again and again: deadlines, checks against the store, its line in the log."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from api import log_events
from api.broadcast.base import Connection
from api.broadcast.hub import Hub
from api.broadcast.manager import BroadcastManager
from api.broadcast.stats import NodeStats, quantile_ms
from api.domain.errors import ChatError, ErrorCode
from api.protocol.problems import CloseCode
from api.services.authentication import Authenticator
from api.services.sessions import Sessions
from api.store.base import Store

TICK_S: Final = 0.25
OUTSIDE_S: Final = 0.5
ROOMS_S: Final = 5.0
SESSIONS_S: Final = 15.0
STATS_S: Final = 10.0
NOTE_USE_S: Final = 60.0
PURGE_S: Final = 3600.0

_CLOSE_CODES = {
    ErrorCode.SESSION_REVOKED: CloseCode.SESSION_REVOKED,
    ErrorCode.ACCOUNT_SUSPENDED: CloseCode.ACCOUNT_SUSPENDED,
}


class Upkeep:
    """The periodic work of one node; each job is run again after it failed."""

    def __init__(
        self,
        *,
        store: Store,
        hub: Hub,
        manager: BroadcastManager,
        authenticator: Authenticator,
        sessions: Sessions,
        stats: NodeStats,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._hub = hub
        self._manager = manager
        self._authenticator = authenticator
        self._sessions = sessions
        self._stats = stats
        self._clock_ms = clock_ms
        self._loop_lag_s = 0.0
        self._last_stats = (time.monotonic(), 0, 0, stats.commit_latency.counts(), stats.delivery_latency.counts())

    async def run(self) -> None:
        """Do it all until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick_connections())
            for name, interval_s, job in (
                ("check_outside", OUTSIDE_S, self._check_outside),
                ("check_rooms", ROOMS_S, self._manager.check_rooms),
                ("check_sessions", SESSIONS_S, self.check_sessions),
                ("note_use", NOTE_USE_S, self._sessions.note_use),
                ("purge", PURGE_S, self._sessions.purge),
                ("stats", STATS_S, self._write_stats),
            ):
                tasks.create_task(_repeat(name, interval_s, job))

    async def _tick_connections(self) -> None:
        while True:
            wanted_s = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            self._stats.loop_lag.observe(now_s - wanted_s)
            self._loop_lag_s = max(self._loop_lag_s, now_s - wanted_s)
            now_ms = self._clock_ms()
            for connection in self._hub.all():
                _tick(connection, now_s, now_ms)

    async def _check_outside(self) -> None:
        if await self._store.changed_outside():
            self._authenticator.invalidate_all()
            sessions = len(self._hub.session_ids())
            ended = await self.check_sessions()
            await self._manager.check_rooms()
            log_events.NODE_EXTERNAL_CHANGE.emit(sessions=sessions, ended=ended, rooms=self._manager.followed_rooms)

    async def check_sessions(self) -> int:
        """Close the connections of sessions that have ended, and show users as they are now; return how many ended."""
        session_ids = self._hub.session_ids()
        ended = 0
        for session_id, found in (await self._authenticator.recheck(session_ids)).items():
            if isinstance(found, ErrorCode):
                ended += 1
                self._hub.close_sessions([session_id], _CLOSE_CODES.get(found, CloseCode.SESSION_REVOKED))
            else:
                self._manager.refresh_user(found)
        return ended

    async def _write_stats(self) -> None:
        self.write_stats()

    def write_stats(self) -> None:
        """Write the node's line: totals since the start, rates and latencies since the last line."""
        stats = self._stats
        now_s = time.monotonic()
        commits, deliveries = stats.commit_latency.counts(), stats.delivery_latency.counts()
        last_s, last_messages, last_deliveries, last_commits, last_delivered = self._last_stats
        self._last_stats = (now_s, stats.messages, stats.deliveries, commits, deliveries)
        seconds = max(now_s - last_s, 0.001)
        new_commits = [now - before for now, before in zip(commits, last_commits, strict=True)]
        new_deliveries = [now - before for now, before in zip(deliveries, last_delivered, strict=True)]
        outboxes = [connection.outbox for connection in self._hub.all()]
        log_events.NODE_STATS.emit(
            connections=len(self._hub),
            users=len(self._hub.user_ids()),
            rooms=self._manager.followed_rooms,
            messages=stats.messages,
            deliveries=stats.deliveries,
            commits=sum(commits),
            messages_per_s=round((stats.messages - last_messages) / seconds, 1),
            deliveries_per_s=round((stats.deliveries - last_deliveries) / seconds, 1),
            commit_ms_p50=quantile_ms(new_commits, 0.5),
            commit_ms_p99=quantile_ms(new_commits, 0.99),
            delivery_ms_p50=quantile_ms(new_deliveries, 0.5),
            delivery_ms_p99=quantile_ms(new_deliveries, 0.99),
            outbox_frames_max=max([stats.outbox_high_water, *(outbox.frames_high_water for outbox in outboxes)]),
            loop_lag_ms=round(self._loop_lag_s * 1000, 1),
            drops=stats.dropped + sum(outbox.dropped for outbox in outboxes),
            slow_consumers=stats.slow_consumers,
            refills=stats.refills,
            refused=stats.handshakes_refused,
        )
        self._loop_lag_s = 0.0


def _tick(connection: Connection, now_s: float, now_ms: int) -> None:
    """Let a connection look at its deadlines; its fault must not stop the clock of all, nor the rest of the upkeep."""
    try:
        try:
            connection.tick(now_s, now_ms)
        except Exception as error:  # noqa: BLE001 - whatever it was
            connection.break_off("deadlines", error)
    except Exception as error:  # noqa: BLE001 - not even its end works
        log_events.TASK_FAILED.emit(task="tick_connections", exc_info=error)


async def _repeat(name: str, interval_s: float, job: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        try:
            await job()
        except ChatError as error:
            # The store has said in the log that it is away.
            if error.code is not ErrorCode.UNAVAILABLE:
                log_events.TASK_FAILED.emit(task=name, exc_info=error)
        except Exception as error:  # noqa: BLE001 - it is tried again
            log_events.TASK_FAILED.emit(task=name, exc_info=error)

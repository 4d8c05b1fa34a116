"""What a node does by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from api import log_events
from api.domain.models import Session, UserRole, UserStatus
from api.protocol.problems import CloseCode
from api.security.tokens import AccessTokens
from api.services import upkeep as module
from api.services.authentication import Authenticator
from api.services.sessions import Sessions
from api.services.upkeep import Upkeep
from api.store.sqlite import open_sqlite_store
from tests.unit.broadcast.connections import RecordingConnection
from tests.unit.services.town import Town, open_town
from tests.unit.store.scene import new_id


@dataclass
class Node:
    """A town, its upkeep, and what that works on."""

    town: Town
    upkeep: Upkeep
    authenticator: Authenticator

    async def connect(self, name: str) -> RecordingConnection:
        """Let somebody in who is logged in."""
        connection = await self.town.connect(name)
        session = Session(new_id(), connection.user.id, 0, 0, self.town.scene.clock.now_ms + 10**9, "")
        await self.town.scene.store.write(lambda unit: unit.sessions.insert(session))
        self.town.hub.unregister(connection)
        connection.session_id = session.id
        self.town.hub.register(connection)
        return connection


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with open_town(tmp_path) as town:
        store, clock = town.scene.store, town.scene.clock
        tokens = AccessTokens(["a secret of this test, which guards nothing"], life_seconds=900, clock_ms=clock)
        authenticator = Authenticator(store, tokens, clock_ms=clock)
        sessions = Sessions(store, tokens, authenticator, town.manager, clock_ms=clock, refresh_life_seconds=9000)
        upkeep = Upkeep(
            store=store,
            hub=town.hub,
            manager=town.manager,
            authenticator=authenticator,
            sessions=sessions,
            stats=town.stats,
            clock_ms=clock,
        )
        yield Node(town, upkeep, authenticator)


async def test_connections_of_ended_sessions_are_closed_and_the_others_live(node: Node) -> None:
    store = node.town.scene.store
    connections = {name: await node.connect(name) for name in ("owner", "member", "moderator", "stranger")}
    await store.write(lambda unit: unit.sessions.revoke(connections["owner"].session_id, unit.now_ms))
    await store.write(lambda unit: unit.users.set_status(node.town["member"].id, UserStatus.SUSPENDED))
    await store.write(lambda unit: unit.users.mark_deleted(node.town["moderator"].id))
    await node.upkeep.check_sessions()
    assert {name: connection.closed_with for name, connection in connections.items()} == {
        "owner": CloseCode.SESSION_REVOKED,
        "member": CloseCode.ACCOUNT_SUSPENDED,
        "moderator": CloseCode.SESSION_REVOKED,
        "stranger": None,
    }


async def test_a_session_that_is_forgotten_or_expired_has_ended(node: Node) -> None:
    forgotten = await node.town.connect("owner")
    expired = await node.connect("member")
    node.town.scene.clock.advance(10**6 + 1)
    await node.upkeep.check_sessions()
    assert [one.closed_with for one in (forgotten, expired)] == [CloseCode.SESSION_REVOKED] * 2


async def test_users_are_shown_as_they_are_now(node: Node) -> None:
    connection = await node.connect("member")
    await node.town.scene.store.write(lambda unit: unit.users.set_role(connection.user.id, UserRole.ADMIN))
    await node.upkeep.check_sessions()
    assert connection.user.is_admin


async def test_what_another_process_did_is_noticed(node: Node) -> None:
    connections = [await node.connect(name) for name in ("member", "stranger")]
    url = node.town.scene.store._reading.url.render_as_string()
    with capture_logs() as logs:
        await node.upkeep._check_outside()
        async with open_sqlite_store(url, observe_commit=lambda _s: None, clock_ms=node.town.scene.clock) as other:
            user_id = node.town["member"].id
            await other.write(lambda unit: unit.users.set_status(user_id, UserStatus.SUSPENDED))
        await node.upkeep._check_outside()
        await node.upkeep._check_outside()
    assert [one.closed_with for one in connections] == [CloseCode.ACCOUNT_SUSPENDED, None]
    assert [(line["event"], line["sessions"], line["ended"]) for line in logs] == [("node.external_change", 2, 1)]


async def test_the_line_of_the_node_has_every_field_and_counts_from_line_to_line(node: Node) -> None:
    await node.connect("member")
    await node.connect("member")
    for _ in range(3):
        await node.town.messages.post(node.town["owner"], node.town.public, "hello", None)
    node.town.stats.commit_latency.observe(0.004)
    with capture_logs() as logs:
        node.upkeep.write_stats()
        node.upkeep.write_stats()
    first, second = logs
    assert set(first) - {"event", "log_level"} == set(log_events.NODE_STATS.fields)
    assert (first["connections"], first["users"], first["messages"], first["deliveries"]) == (2, 1, 3, 6)
    assert (first["commit_ms_p50"], second["commit_ms_p50"]) == (5, None)
    assert first["messages_per_s"] > 0
    assert (second["messages"], second["messages_per_s"]) == (3, 0.0)


class _Stop(BaseException):
    """Ends what would go on for ever."""


async def test_a_job_that_fails_is_logged_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    calls = 0

    async def at_once(seconds: float) -> None:
        slept.append(seconds)

    async def job() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise _Stop
        raise LookupError("a fault")

    monkeypatch.setattr(asyncio, "sleep", at_once)
    with capture_logs() as logs, pytest.raises(_Stop):
        await module._repeat("work", 7.0, job)
    assert slept == [7.0] * 3
    assert [(line["event"], line["task"]) for line in logs] == [("task.failed", "work")] * 2


@pytest.mark.parametrize("can_end", [True, False])
async def test_one_connections_fault_stops_nobody_elses_clock(
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    can_end: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    ticked: list[str] = []
    sleep = asyncio.sleep
    turns = 0

    async def few(_seconds: float) -> None:
        nonlocal turns
        turns += 1
        if turns > 2:
            raise _Stop
        await sleep(0)

    connections = [await node.connect(name) for name in ("owner", "member")]

    def broken(*_: object) -> None:
        raise LookupError("a fault")

    def fine(_now_s: float, now_ms: int) -> None:
        assert now_ms == node.town.scene.clock.now_ms
        ticked.append("member")

    if not can_end:
        monkeypatch.setattr(connections[0], "break_off", broken)
    monkeypatch.setattr(connections[0], "tick", broken)
    monkeypatch.setattr(connections[1], "tick", fine)
    monkeypatch.setattr(asyncio, "sleep", few)
    with capture_logs() as logs, pytest.raises(_Stop):
        await node.upkeep._tick_connections()
    assert ticked == ["member"] * 2
    if can_end:
        assert logs == []
        assert [step for step, _ in connections[0].faults] == ["deadlines"] * 2
        assert [connection.closed_with for connection in connections] == [CloseCode.INTERNAL_ERROR, None]
    else:
        assert [(line["event"], line["task"]) for line in logs] == [("task.failed", "tick_connections")] * 2


async def test_it_all_runs_until_it_is_cancelled(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    done: set[str] = set()
    has_run = asyncio.Event()

    def noting(name: str) -> Any:  # noqa: ANN401 - a job
        async def job() -> None:
            done.add(name)
            if len(done) == len(jobs):
                has_run.set()

        return job

    jobs = {
        "OUTSIDE_S": (node.upkeep, "_check_outside"),
        "ROOMS_S": (node.town.manager, "check_rooms"),
        "SESSIONS_S": (node.upkeep, "check_sessions"),
        "NOTE_USE_S": (node.upkeep._sessions, "note_use"),
        "PURGE_S": (node.upkeep._sessions, "purge"),
        "STATS_S": (node.upkeep, "_write_stats"),
    }
    for interval, (owner, name) in jobs.items():
        monkeypatch.setattr(module, interval, 0)
        monkeypatch.setattr(owner, name, noting(name))
    running = asyncio.create_task(node.upkeep.run())
    async with asyncio.timeout(5):
        await has_run.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()

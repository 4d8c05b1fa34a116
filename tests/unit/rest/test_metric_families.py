"""Where each number of `/metrics` comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from api import __version__
from api.broadcast.wire import Ending
from api.domain.errors import ErrorCode
from api.domain.models import User, UserRole
from api.middleware.counting import RequestCounts
from api.rest.metric_families import METRICS, Node
from api.rest.metrics import build_registry
from tests.support.inside import Inside, open_inside
from tests.support.scraping import Scrape
from tests.unit.broadcast.connections import RecordingConnection
from tests.unit.store.scene import new_id

ADA = User(new_id(), "ada", "Ada", UserRole.USER, 0)


def read(inside: Inside, *, lines_dropped: int = 0, requests: RequestCounts | None = None) -> Scrape:
    node = Node(inside.resources, requests or RequestCounts(), 123, lambda: lines_dropped)
    return Scrape(generate_latest(build_registry(node)).decode())


def test_each_metric_has_a_name_of_its_own() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)


async def test_what_waits_for_readers_is_added_up_and_what_a_lost_one_had_counted_stays(inside: Inside) -> None:
    stats, hub = inside.resources.stats, inside.resources.hub
    before = read(inside)
    made = [RecordingConnection(new_id(), ADA, new_id(), frames_max=8) for _ in range(2)]
    for connection in made:
        hub.register(connection)
        connection.wire.is_writable = False
        for _ in range(4):
            connection.outbox.push(b"12345")
        connection.outbox.push_ephemeral(b"dropped")
    now = read(inside)
    assert (now["chat_connections"], now["chat_users_online"]) == (2, 1)
    assert (now["chat_outbox_frames"], now["chat_outbox_bytes"], now["chat_outbox_frames_max"]) == (8, 40, 4)
    assert now.since(before, "chat_ephemeral_dropped_total") == {(): 2}
    for connection in made:
        hub.unregister(connection)
        stats.connection_lost(dropped=connection.outbox.dropped, frames_high_water=4)
    later = read(inside)
    assert (later["chat_connections"], later["chat_outbox_frames"], later["chat_outbox_bytes"]) == (0, 0, 0)
    assert later["chat_outbox_frames_max"] == 4
    assert later.since(now, "chat_ephemeral_dropped_total") == {}


async def test_times_are_cumulative_buckets_in_seconds(inside: Inside) -> None:
    stats = inside.resources.stats
    before = read(inside)
    for seconds in (0.0004, 0.004, 0.004, 60.0):
        stats.loop_lag.observe(seconds)
    after = read(inside)
    name = "chat_event_loop_lag_seconds"

    def grown(bound: str) -> float:
        return after.value(f"{name}_bucket", le=bound) - before.value(f"{name}_bucket", le=bound)

    assert [grown(bound) for bound in ("0.0002", "0.0005", "0.003", "0.005", "10.0", "+Inf")] == [0, 1, 1, 3, 3, 4]
    assert after[f"{name}_sum"] - before[f"{name}_sum"] == pytest.approx(60.0084)
    assert after[f"{name}_count"] - before[f"{name}_count"] == 4


@pytest.mark.parametrize(
    ("name", "labels", "count"),
    [
        ("chat_messages_total", {}, lambda stats: setattr(stats, "messages", stats.messages + 1)),
        ("chat_deliveries_total", {}, lambda stats: setattr(stats, "deliveries", stats.deliveries + 1)),
        ("chat_refills_total", {}, lambda stats: setattr(stats, "refills", stats.refills + 1)),
        ("chat_slow_consumers_total", {}, lambda stats: setattr(stats, "slow_consumers", stats.slow_consumers + 1)),
        ("chat_connections_opened_total", {}, lambda stats: setattr(stats, "connections_opened", 1)),
        ("chat_signups_total", {}, lambda stats: setattr(stats, "signups", stats.signups + 1)),
        ("chat_logins_total", {}, lambda stats: setattr(stats, "logins", stats.logins + 1)),
        ("chat_delivery_duration_seconds_count", {}, lambda stats: stats.delivery_latency.observe(0)),
        ("chat_commit_duration_seconds_count", {}, lambda stats: stats.commit_latency.observe(0)),
        (
            "chat_connections_closed_total",
            {"ended_by": "server", "code": "4003"},
            lambda stats: stats.connection_ended(Ending(4003, "", "server")),
        ),
        (
            "chat_refusals_total",
            {"door": "socket", "code": "unknown_type"},
            lambda stats: stats.refusals.update({("socket", ErrorCode.UNKNOWN_TYPE): 1}),
        ),
        (
            "chat_rate_limits_exceeded_total",
            {"limit": "commands"},
            lambda stats: stats.limits_exceeded.update({"commands": 1}),
        ),
        (
            "chat_logins_failed_total",
            {"reason": "suspended"},
            lambda stats: stats.logins_failed.update({"suspended": 1}),
        ),
    ],
)
async def test_what_was_counted_is_shown_under_its_name(
    inside: Inside,
    name: str,
    labels: dict[str, str],
    count: Any,  # noqa: ANN401 - does what a part of the node does
) -> None:
    before = read(inside).value(name, **labels)
    count(inside.resources.stats)
    assert read(inside).value(name, **labels) == before + 1


async def test_the_node_says_what_it_is_and_what_it_allows(inside: Inside) -> None:
    now = read(inside, lines_dropped=7)
    ((versions, value),) = now.where("chat_build_info").items()
    assert (versions[1], value) == (__version__, 1)
    assert (now["chat_connections_max"], now["chat_log_lines_dropped_total"]) == (123, 7)
    assert now["chat_draining"] == 0
    assert now["chat_writes_waiting"] == 0
    assert now["chat_writes_committed_total"] > 0
    assert now["process_resident_memory_bytes"] > 2**20


async def test_a_node_that_sends_its_clients_away_says_so(tmp_path: Path) -> None:
    async with open_inside(tmp_path) as inside:
        await inside.resources.drain(0.1)
        assert read(inside)["chat_draining"] == 1


async def test_hashes_are_running_waiting_or_refused(inside: Inside) -> None:
    passwords = inside.resources.passwords
    before = read(inside)["chat_password_hashes_refused_total"]
    taken = passwords._places
    for _ in range(taken):
        passwords._take_place()
    with pytest.raises(Exception, match="unavailable"):
        await passwords.hash("a password that finds no place")
    now = read(inside)
    assert now["chat_password_hashes_running"] == passwords._threads
    assert now["chat_password_hashes_waiting"] == taken - passwords._threads == 64
    assert now["chat_password_hashes_refused_total"] == before + 1
    for _ in range(taken):
        passwords._free_place()
    assert read(inside)["chat_password_hashes_running"] == 0

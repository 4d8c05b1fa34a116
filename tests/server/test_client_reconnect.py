"""The server is killed, drained, restored, stopped: the client goes on without a loss or a repeat."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chat_client import (
    ChatClient,
    ClientClosedError,
    ConnectionClosedError,
    Disconnected,
    Draining,
    Event,
    MemoryOutboxStore,
    RoomReset,
    SendTimeoutError,
)
from tests.support.clients import Join, Someone, joining, meet, whole_log
from tests.support.fixtures import MakeServer
from tests.support.server import CANARY, ServerProcess


@pytest_asyncio.fixture
async def join(server_with: MakeServer) -> AsyncIterator[Join]:
    async with joining(server_with) as starter:
        yield starter


async def test_killed_in_the_middle_of_traffic_nothing_is_lost_or_doubled(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    ada, bob, eve = await join(server), await join(server, pipeline=8), await join(server, way="ticket", backlog=None)
    room = await meet(ada, bob, eve)
    acknowledged: dict[str, list[int]] = {"ada": [], "bob": []}

    async def talk(name: str, someone: Someone, count: int) -> None:
        for number in range(count):
            message = await someone.client.send(room.id, f"{name} {number} {CANARY}")
            acknowledged[name].append(message.seq)

    talking = [asyncio.create_task(talk("ada", ada, 80)), asyncio.create_task(talk("bob", bob, 80))]
    for kills in range(1, 4):
        await eve.until(lambda: len(eve.of(Event)) > kills * 35, "some traffic", timeout_s=30)  # noqa: B023
        await asyncio.to_thread(_kill_and_restart, server)
    await asyncio.gather(*talking)

    log = await whole_log(ada, room.id)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    for someone in (ada, bob, eve):
        await someone.has_caught_up(room.id)
        seen = someone.log(room.id)
        assert seen == log[len(log) - len(seen) :]
        assert sorted(someone.bodies(room.id)) == sorted(
            f"{name} {number} {CANARY}" for name in acknowledged for number in range(80)
        )
    assert eve.log(room.id) == log
    for name, seqs in acknowledged.items():
        said = [body for body in eve.bodies(room.id) if body.startswith(name)]
        assert said == [f"{name} {number} {CANARY}" for number in range(80)], "in the order said"
        assert seqs == sorted(seqs)


async def test_a_drain_is_announced_and_survived(join: Join, make_server: MakeServer) -> None:
    server = make_server(DRAIN_SECONDS="1")
    ada, bob = await join(server), await join(server)
    room = await meet(ada, bob)
    await ada.client.send(room.id, "before")
    ended = asyncio.create_task(asyncio.to_thread(server.terminate))
    await ada.sees(Draining)
    lost = await ada.sees(Disconnected)
    assert isinstance(lost.error, ConnectionClosedError)
    assert lost.error.code == 4001
    assert lost.retry_in_s >= ada.of(Draining)[0].reconnect_after_s
    assert await ended == 0
    sending = asyncio.create_task(ada.client.send(room.id, "during"))
    await asyncio.to_thread(server.restart)
    assert (await sending).body == "during"
    await bob.has_caught_up(room.id)
    assert bob.bodies(room.id) == ["before", "during"]


async def test_what_is_said_while_the_server_is_away_is_sent_at_its_return(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    ada = await join(server)
    room = await meet(ada)
    await asyncio.to_thread(server.kill)
    for number in range(3):
        ada.client.post(room.id, str(number))
    with pytest.raises(SendTimeoutError) as caught:
        await ada.client.send(room.id, "given up", timeout_s=0.2)
    assert not caught.value.may_exist
    waiting = asyncio.create_task(ada.client.send(room.id, "given up too"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    pinging = asyncio.create_task(ada.client.ping(timeout_s=30))
    assert [entry.body for entry in ada.client.pending] == ["0", "1", "2"]
    await asyncio.to_thread(server.restart)
    await ada.client.flush(timeout_s=20)
    await pinging
    await ada.has_caught_up(room.id)
    assert ada.bodies(room.id) == ["0", "1", "2"]


async def test_the_outbox_outlives_the_client(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    store = MemoryOutboxStore()
    ada = await join(server, outbox=store)
    room = await meet(ada)
    await asyncio.to_thread(server.kill)
    ada.client.post(room.id, "kept")
    waiting = asyncio.create_task(ada.client.send(room.id, "kept as well"))
    await asyncio.sleep(0)
    await ada.client.aclose()
    with pytest.raises(ClientClosedError):
        await waiting
    await asyncio.to_thread(server.restart)
    back = await join.again(ada.session, ada.username, ada.password, outbox=store)
    await back.client.flush(timeout_s=20)
    assert [message.body for message in (await back.client.rest.messages(room.id)).items] == ["kept", "kept as well"]
    assert list(store.load()) == []


async def test_another_process_goes_on_where_the_first_one_stopped(join: Join) -> None:
    ada, bob = await join(), await join(backlog=None)
    room = await meet(ada, bob)
    await ada.client.send(room.id, "one")
    await bob.has_caught_up(room.id)
    await bob.client.aclose()
    for body in ("two", "three"):
        await ada.client.send(room.id, body)
    back = await join.again(
        bob.session, bob.username, bob.password, resume={room.id: bob.of(Event)[-1].cursor}, backlog=None
    )
    await back.has_caught_up(room.id)
    assert bob.bodies(room.id) + back.bodies(room.id) == ["one", "two", "three"]
    assert bob.log(room.id) + back.log(room.id) == await whole_log(ada, room.id)


async def test_after_a_restore_the_copy_is_loaded_anew(join: Join, make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server()
    ada = await join(server, backlog=None)
    room = await meet(ada)
    await ada.client.send(room.id, "kept")
    backup = tmp_path / "backup.db"
    assert server.run_cli("backup", str(backup)).returncode == 0
    await ada.client.send(room.id, "gone")
    await ada.has_caught_up(room.id)
    await asyncio.to_thread(server.terminate)
    assert server.run_cli("restore", str(backup)).returncode == 0
    await asyncio.to_thread(server.restart)
    await ada.sees(RoomReset, room_id=room.id)
    await ada.client.send(room.id, "new")
    reset = next(n for n, event in enumerate(ada.seen) if event == RoomReset(room.id))
    log = await whole_log(ada, room.id)

    def anew() -> list[Event]:
        return [e for e in ada.seen[reset:] if isinstance(e, Event) and e.room_id == room.id]

    await ada.until(lambda: len(anew()) >= len(log), "the log anew")
    assert [(e.seq, e.type) for e in anew()] == log
    assert [e.message.body for e in anew() if e.message is not None] == ["kept", "new"]


@pytest.mark.long
async def test_a_silent_server_is_left_for_a_new_connection(join: Join, make_server: MakeServer) -> None:
    """The process stands still, its sockets stay open: after `heartbeat_ms` + 10 s the connection counts as lost."""
    server = make_server(HEARTBEAT_SECONDS="0.5", PONG_SECONDS="30")
    ada = await join(server)
    room = await meet(ada)
    began = asyncio.get_running_loop().time()
    server.signal(signal.SIGSTOP)
    try:
        lost = await ada.sees(Disconnected, timeout_s=20)
    finally:
        server.signal(signal.SIGCONT)
    assert 9 < asyncio.get_running_loop().time() - began < 13
    assert isinstance(lost.error, ConnectionClosedError)
    assert (await ada.client.send(room.id, "again")).body == "again"


async def test_a_reader_that_is_behind_gets_everything_in_the_end(join: Join) -> None:
    """Its buffer of ten events is no bound on what may happen meanwhile."""
    ada = await join()
    client = ChatClient(ada.session, buffer=10, backlog=None)
    room = await meet(ada)
    async with client:
        await client.connected()
        await asyncio.gather(*(ada.client.send(room.id, str(number)) for number in range(300)))
        log = await whole_log(ada, room.id)
        seen: list[tuple[int, str]] = []
        async with asyncio.timeout(20):
            async for event in client.events():
                if isinstance(event, Event) and event.room_id == room.id:
                    seen.append((event.seq, event.type))
                    if len(seen) == len(log):
                        break
    assert seen == log


def _kill_and_restart(server: ServerProcess) -> None:
    server.kill()
    server.restart()

"""One socket under pressure: reading is held, slow readers are parted with, a drain answers first."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from api.broadcast.wire import NOBODYS, Ending
from api.protocol.problems import CloseCode
from api.ws import connection as module
from api.ws.queue import WAITING_MAX
from tests.unit.ws.desk import PACE, Desk, receive


class TestReading:
    async def test_nothing_is_read_before_welcome(self, desk: Desk) -> None:
        connection, wire = desk.connection()
        assert not wire.reads()
        connection.writable_again()
        assert not wire.reads()

    async def test_it_is_held_while_the_outbox_is_half_full_and_goes_on_when_it_is_not(self, desk: Desk) -> None:
        connection, wire = await desk.live(frames_max=8)
        wire.is_writable = False
        for number in range(4):
            assert wire.reads()
            receive(connection, "dance", f"c{number}")
        assert not wire.reads()
        wire.is_writable = True
        connection.writable_again()
        assert wire.reads()
        assert len(wire.frames) == 4

    async def test_answers_that_are_owed_count_as_if_they_were_there(self, desk: Desk) -> None:
        connection, wire = await desk.live(frames_max=8)
        async with desk.scene.one_batch():
            for number in range(4):
                assert wire.reads()
                receive(connection, "message.send", f"c{number}", room_id=desk.room, body="hello")
            assert not wire.reads()
        await wire.get(4)
        assert wire.reads()

    async def test_their_size_counts_too(self, desk: Desk) -> None:
        connection, wire = await desk.live(bytes_max=10_000)
        async with desk.scene.one_batch():
            receive(connection, "message.send", "c1", room_id=desk.room, body="x" * 3000)
            assert wire.reads()
            receive(connection, "message.send", "c2", room_id=desk.room, body="x" * 3000)
            assert not wire.reads()
        await wire.get(2)
        assert wire.reads()

    async def test_so_many_commands_wait_and_no_more_are_read(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        for number in range(WAITING_MAX):
            receive(connection, "ping", f"c{number}")
        assert not wire.reads()
        await wire.get(WAITING_MAX)
        assert wire.reads()

    async def test_a_large_answer_holds_the_next_commands_back(self, desk: Desk) -> None:
        for _ in range(20):
            desk.scene.submit(desk.ada, desk.room, "x" * 4000)
        await desk.scene.store.write(lambda _unit: None)
        connection, wire = await desk.live()
        wire.is_writable = False
        for number in range(3):
            receive(connection, "history.get", f"c{number}", room_id=desk.room, after_seq=0)
        await wire.holds()
        wire.is_writable = True
        connection.writable_again()
        frames = await wire.get(3)
        assert [frame["id"] for frame in frames] == ["c0", "c1", "c2"]


class TestEnd:
    async def test_a_slow_reader_is_parted_with_once_and_the_log_says_how_full_it_was(self, desk: Desk) -> None:
        connection, wire = await desk.live(frames_max=4)
        wire.is_writable = False
        with capture_logs() as logs:
            for _ in range(10):
                connection.outbox.push(b'{"type":"x"}')
        assert wire.end() == (CloseCode.SLOW_CONSUMER, "slow_consumer", PACE.stall_s)
        assert (wire.closes, desk.stats.slow_consumers) == (1, 1)
        (line,) = logs
        assert (line["event"], line["outbox_frames"], line["outbox_bytes"]) == ("ws.slow_consumer", 5, 60)

    async def test_after_the_close_nothing_is_taken_and_nothing_is_sent(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        connection.outbox.push(b'{"type":"last"}')
        connection.close(CloseCode.SESSION_REVOKED)
        connection.close(CloseCode.INTERNAL_ERROR)
        receive(connection, "ping", "c1")
        connection.outbox.push(b'{"type":"late"}')
        connection.tick(10**6, 10**15)
        connection.writable_again()
        await asyncio.sleep(0)
        assert [frame["type"] for frame in wire.frames] == ["last"]
        assert wire.end() == (CloseCode.SESSION_REVOKED, "session_revoked", PACE.stall_s)
        assert wire.closes == 1
        assert connection.frames_in == 0

    async def test_a_full_transport_gets_the_close_and_nothing_of_what_waits(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        wire.is_writable = False
        connection.outbox.push(b'{"type":"x"}')
        connection.close(CloseCode.SESSION_REVOKED)
        wire.is_writable = True
        connection.writable_again()
        assert wire.frames == []
        assert wire.end() is not None

    async def test_a_lost_connection_is_told_once_and_its_messages_are_written_all_the_same(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        async with desk.scene.one_batch():
            receive(connection, "message.send", "c1", room_id=desk.room, body="hello")
            receive(connection, "read.mark", "c2", room_id=desk.room, seq=1)
            connection.connection_lost(NOBODYS)
        assert desk.lost == [connection]
        assert await connection.lost == NOBODYS
        await desk.scene.store.write(lambda _unit: None)
        assert len(await desk.scene.log(desk.room)) == 3
        assert wire.frames == []
        assert connection not in desk.hub.all()

    async def test_the_close_that_this_side_asked_for_is_not_the_end_yet(self, desk: Desk) -> None:
        connection, _wire = await desk.live()
        connection.close(CloseCode.SESSION_REVOKED)
        assert not connection.lost.done()
        connection.connection_lost(Ending(4500, "session_revoked", "server"))
        assert connection.lost.result() == (4500, "session_revoked", "server")


class TestDrain:
    async def test_it_says_goodbye_answers_what_was_asked_and_closes(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        async with desk.scene.one_batch():
            receive(connection, "message.send", "c1", room_id=desk.room, body="hello")
            receive(connection, "read.mark", "c2", room_id=desk.room, seq=1)
            draining = asyncio.ensure_future(connection.drain(1500))
            await asyncio.sleep(0)
            assert not wire.reads()
            assert wire.end() is None
        await draining
        assert wire.frames[0] == {"type": "server.draining", "reconnect_after_ms": 1500}
        assert {frame["id"] for frame in wire.frames if frame["type"] == "ack"} == {"c1", "c2"}
        assert wire.end() == (CloseCode.DRAINING, "draining", PACE.stall_s)

    async def test_an_idle_connection_goes_at_once(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        await connection.drain(0)
        assert [frame["type"] for frame in wire.frames] == ["server.draining"]
        assert wire.end() is not None

    async def test_nothing_comes_before_welcome(self, desk: Desk) -> None:
        connection, wire = desk.connection()
        await connection.drain(1500)
        assert wire.frames == []
        assert wire.end() == (CloseCode.DRAINING, "draining", PACE.stall_s)

    async def test_it_does_not_wait_for_ever(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "DRAIN_ANSWERS_S", 0.01)
        connection, wire = await desk.live()
        async with desk.scene.one_batch():
            receive(connection, "message.send", "c1", room_id=desk.room, body="hello")
            await connection.drain(0)
            assert wire.end() is not None

    async def test_a_client_that_goes_ends_the_waiting(self, desk: Desk) -> None:
        connection, _wire = await desk.live()
        async with desk.scene.one_batch():
            receive(connection, "message.send", "c1", room_id=desk.room, body="hello")
            draining = asyncio.ensure_future(connection.drain(0))
            await asyncio.sleep(0)
            connection.connection_lost(Ending(1001, "", "client"))
            async with asyncio.timeout(1):
                await draining


class TestTicks:
    async def test_heartbeat_and_ping_after_silence(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        now_ms = desk.scene.clock.now_ms
        connection.tick(1000.0, now_ms)
        connection.tick(1000.0 + PACE.heartbeat_s, now_ms)
        (heartbeat,) = await wire.get(1)
        assert heartbeat["type"] == "heartbeat"
        assert wire.pings == 1
        connection.pong_received()
        connection.tick(1000.0 + 2 * PACE.heartbeat_s, now_ms)
        assert wire.pings == 2
        connection.tick(1000.0 + 2 * PACE.heartbeat_s + PACE.pong_s, now_ms)
        assert wire.end() == (CloseCode.HEARTBEAT_TIMEOUT, "heartbeat_timeout", PACE.stall_s)

    async def test_the_end_of_the_token(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        now_ms = desk.scene.clock.now_ms
        connection.tick(0.0, now_ms + 900_000 - 60_000)
        (warning,) = await wire.get(1)
        assert warning["type"] == "token.expiring"
        connection.tick(1.0, now_ms + 900_000)
        assert wire.end() == (CloseCode.TOKEN_EXPIRED, "token_expired", PACE.stall_s)

    async def test_a_reader_that_stands_still_is_cut_with_little_grace(self, desk: Desk) -> None:
        connection, wire = await desk.live(frames_max=4)
        now_ms = desk.scene.clock.now_ms
        wire.is_writable = False
        connection.outbox.push(b"{}")
        connection.outbox.push(b"{}")
        with capture_logs() as logs:
            connection.tick(10.0, now_ms)
            connection.tick(10.0 + PACE.stall_s - 0.1, now_ms)
            assert wire.end() is None
            connection.tick(10.0 + PACE.stall_s, now_ms)
        assert wire.end() == (CloseCode.SLOW_CONSUMER, "slow_consumer", module.STALLED_GRACE_S)
        assert [(line["event"], line["stalled_seconds"]) for line in logs] == [("ws.slow_consumer", PACE.stall_s)]

    async def test_before_welcome_there_are_none(self, desk: Desk) -> None:
        connection, wire = desk.connection()
        connection.tick(0.0, 10**15)
        assert wire.end() is None
        assert wire.frames == []

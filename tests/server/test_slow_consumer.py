"""Clients that never read: they cost a bounded buffer, nobody else notices, and they are gone soon."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.server.conversation import join
from tests.support.fixtures import SPECIAL, MakePerson, MakeRoom, MakeServer
from tests.support.raw import RawSocket
from tests.support.server import CANARY, ServerProcess

STALL_SECONDS = int(SPECIAL["STALL_SECONDS"])
STALLED = 10
MESSAGES = 3_000
BODY = f"{CANARY} " + "x" * 3_900


@pytest.mark.wire("close 4003")
@pytest.mark.wire("slow_consumer")
async def test_clients_that_never_read_harm_nobody_and_are_cut(
    special: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    server = special
    sender, reader, idler = await person(server=server), await person(server=server), await person(server=server)
    room = await make_room(sender)
    await join(reader, room)
    await join(idler, room)
    sending, reading = await sender.connect(), await reader.connect()
    stalled = [await RawSocket.open(server, idler.access_token, receive_buffer=4_096) for _ in range(STALLED)]
    await server.wait_for_log("ws.connected", user_id=idler.id)
    memory = server.memory_bytes()

    latencies = []
    for number in range(MESSAGES // 20):
        begin = time.monotonic()
        ids = [
            await sending.post("message.send", room_id=room["id"], body=BODY, idempotency_key=f"k{number}-{index}")
            for index in range(20)
        ]
        seqs = [(await sending.answer(command_id))["result"]["message"]["seq"] for command_id in ids]
        heard = [(await reading.next("message.created", room_id=room["id"]))["seq"] for _ in ids]
        assert heard == seqs
        latencies.append(time.monotonic() - begin)
    assert sorted(latencies)[len(latencies) // 2] < 1, "the good reader has each batch of 20 within a second"
    assert max(latencies) < 5
    # 12 MB went to each of the ten; the bound is 1 MiB each, beside what the kernel and the framing hold.
    assert server.memory_bytes() - memory < STALLED * 2.5 * 2**20 + 24 * 2**20

    deadline = time.monotonic() + STALL_SECONDS + 5
    while len(gone := server.find_logs("ws.disconnected", user_id=idler.id)) < STALLED:
        assert time.monotonic() < deadline, f"{len(gone)} of {STALLED} are gone"
        await asyncio.sleep(0.1)
    assert {line["code"] for line in gone} <= {1006, 4003}
    assert {line["user_id"] for line in server.find_logs("ws.slow_consumer")} == {idler.id}
    for socket in stalled:
        await socket.ended()
        socket.close()
    assert await reading.ok("ping")


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.wire("close 4003")
async def test_fifty_that_never_read_take_nothing_from_fifty_that_do(
    special: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    """Nobody loses a message, nobody waits long, the memory is bounded, and the fifty are gone."""
    sender, reader, idler = [await person(server=special) for _ in range(3)]
    room = await make_room(sender)
    await join(reader, room)
    await join(idler, room)
    sending = await sender.connect()
    good = [await reader.connect() for _ in range(50)]
    memory = special.memory_bytes()
    stalled = [await RawSocket.open(special, idler.access_token, receive_buffer=4_096) for _ in range(50)]

    latencies = []
    for number in range(30):
        begin = time.monotonic()
        ids = [await sending.post("message.send", room_id=room["id"], body=BODY) for _ in range(20)]
        seqs = [(await sending.answer(command_id))["result"]["message"]["seq"] for command_id in ids]
        assert seqs == list(range(4 + 20 * number, 24 + 20 * number))
        for socket in good:
            assert [(await socket.next("message.created", room_id=room["id"]))["seq"] for _ in ids] == seqs
        latencies.append(time.monotonic() - begin)
    assert sorted(latencies)[len(latencies) // 2] < 2
    assert special.memory_bytes() - memory < 50 * 2.5 * 2**20 + 24 * 2**20

    deadline = time.monotonic() + STALL_SECONDS + 10
    while len(gone := special.find_logs("ws.disconnected", user_id=idler.id)) < 50:
        assert time.monotonic() < deadline, f"{len(gone)} of 50 are gone"
        await asyncio.sleep(0.1)
    assert {line["code"] for line in gone} <= {1006, 4003}
    assert special.find_logs("ws.slow_consumer", user_id=reader.id) == []
    for raw in stalled:
        raw.close()


@pytest.mark.wire("close 4003")
async def test_a_reader_that_falls_behind_is_told_and_can_resume(
    make_server: MakeServer, person: MakePerson, make_room: MakeRoom
) -> None:
    """With a small outbox the close frame still finds its way, because the reader takes what there is."""
    server = make_server(OUTBOX_FRAMES="16", OUTBOX_BYTES="65536", STALL_SECONDS="5")
    sender, reader = await person(server=server), await person(server=server)
    room = await make_room(sender)
    await join(reader, room)
    sending = await sender.connect()
    slow = await RawSocket.open(server, reader.access_token, receive_buffer=4_096)
    await slow.text("welcome")
    last = 0
    while not server.find_logs("ws.slow_consumer", user_id=reader.id):
        result = await sending.ok("message.send", room_id=room["id"], body=BODY)
        last = result["message"]["seq"]
        assert last < 4_000, "the kernel's buffers cannot hold so much"
    code, reason = await slow.closed()
    assert (code, reason) in {(4003, "slow_consumer"), (1006, "")}
    slow.close()

    again = await reader.connect()
    cursor = next(entry["last_seq"] for entry in again.welcome["rooms"] if entry["id"] == room["id"])
    assert cursor == last
    seen, after = [], 0
    while after < cursor:
        page = await again.ok("history.get", room_id=room["id"], after_seq=after, limit=200)
        seen += [event["seq"] for event in page["items"]]
        after = seen[-1]
    assert seen == list(range(1, cursor + 1))


async def test_a_client_that_sends_without_reading_is_read_no_further(
    special: ServerProcess, person: MakePerson
) -> None:
    """Its commands wait in its own buffers: the next is read only while the outbox is under half full."""
    server = special
    ada = await person(server=server)
    other = await ada.connect()
    greedy = await RawSocket.open(server, ada.access_token, receive_buffer=4_096)
    general = other.welcome["rooms"][0]["id"]
    for _ in range(60):
        await other.ok("message.send", room_id=general, body=BODY)
    memory = server.memory_bytes()
    command = f'{{"type":"history.get","id":"h","room_id":"{general}","after_seq":0,"limit":200}}'.encode()

    async def flood() -> None:
        try:
            for _ in range(20_000):
                await greedy.send_frame(1, command)
        except OSError:
            return

    flooding = asyncio.create_task(flood())
    await server.wait_for_log("ws.slow_consumer", timeout_s=STALL_SECONDS + 5, user_id=ada.id)
    assert await other.ok("ping")
    assert server.memory_bytes() - memory < 40 * 2**20
    flooding.cancel()
    greedy.close()

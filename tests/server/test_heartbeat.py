"""Signs of life, in both directions."""

from __future__ import annotations

import asyncio
import struct
import time

import pytest

from tests.support.fixtures import MakePerson, MakeServer
from tests.support.raw import Opcode, RawSocket
from tests.support.server import ServerProcess


@pytest.fixture
def lively(server_with: MakeServer) -> ServerProcess:
    """Give a server that looks after its sockets twice a second."""
    return server_with(HEARTBEAT_SECONDS="0.5", PONG_SECONDS="1", STALL_SECONDS="1")


async def test_the_default_heartbeat_is_25_seconds(person: MakePerson) -> None:
    ada = await person()
    assert (await ada.connect()).welcome["heartbeat_ms"] == 25_000


@pytest.mark.wire("heartbeat")
async def test_a_silent_socket_hears_a_heartbeat_each_time(lively: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=lively)
    socket = await ada.connect()
    assert socket.welcome["heartbeat_ms"] == 500
    begin = time.monotonic()
    for beats in (1, 2, 3):
        frame = await socket.next("heartbeat", timeout_s=2)
        assert frame.keys() == {"type", "server_time"}
        assert 0.4 * beats < time.monotonic() - begin < 0.75 * beats + 0.5


@pytest.mark.wire("heartbeat")
async def test_a_socket_that_hears_other_frames_needs_no_heartbeat(lively: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=lively)
    socket = await ada.connect()
    for _ in range(20):
        await socket.ok("ping")
        await asyncio.sleep(0.1)
    assert not [frame for frame in socket.inbox if frame["type"] == "heartbeat"]


@pytest.mark.wire("close 4002")
async def test_who_answers_no_ping_is_closed_in_time(lively: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=lively)
    socket = await RawSocket.open(lively, ada.access_token)
    welcome = await socket.text("welcome")
    begin = time.monotonic()
    pings = 0
    while (frame := await socket.frame())[0] != Opcode.CLOSE:
        pings += frame[0] == Opcode.PING
    assert struct.unpack("!H", frame[1][:2])[0] == 4002
    assert frame[1][2:] == b"heartbeat_timeout"
    assert pings >= 1
    assert 1 < time.monotonic() - begin < 3.5
    await lively.wait_for_log("ws.disconnected", connection_id=welcome["connection_id"], code=4002)
    socket.close()


async def test_who_answers_pings_stays(lively: ServerProcess, person: MakePerson) -> None:
    ada = await person(server=lively)
    socket = await RawSocket.open(lively, ada.access_token)
    pings = 0
    while pings < 5:
        opcode, payload = await socket.frame()
        assert opcode != Opcode.CLOSE, payload
        if opcode == Opcode.PING:
            pings += 1
            await socket.send_frame(Opcode.PONG, payload)
    socket.close()


async def test_commands_do_not_stand_for_pongs(lively: ServerProcess, person: MakePerson) -> None:
    """A connection may be open in one direction alone; only a pong shows that ours still arrives."""
    ada = await person(server=lively)
    socket = await RawSocket.open(lively, ada.access_token)
    begin = time.monotonic()
    code = 0
    while not code and time.monotonic() - begin < 4:
        await socket.send_frame(Opcode.TEXT, b'{"type": "ping", "id": "p"}')
        opcode, payload = await socket.frame()
        if opcode == Opcode.CLOSE:
            (code,) = struct.unpack("!H", payload[:2])
        await asyncio.sleep(0.05)
    assert code == 4002
    socket.close()


async def test_a_clients_ping_is_answered_with_its_payload(person: MakePerson) -> None:
    ada = await person()
    socket = await RawSocket.open(ada.server, ada.access_token)
    await socket.text("welcome")
    await socket.send_frame(Opcode.PING, b"are you there")
    assert await socket.frame() == (Opcode.PONG, b"are you there")
    socket.close()

"""A thousand people who say nothing."""

from __future__ import annotations

import asyncio
import resource

import pytest

from api.store.sqlite import READERS
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.raw import RawSocket
from tests.support.server import ServerProcess

SOCKETS = 1_000
# The writer and every reader have the database, its log and the log's index open.
DATABASE_FILES_MAX = 3 * (1 + READERS)


@pytest.fixture
def many_files() -> None:
    """Let this process, and the servers it starts from now on, have as many open files as the machine allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < 2 * SOCKETS:
        pytest.skip(f"this machine allows {most} open files")


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_idle_sockets_hold_no_database_connection_and_are_all_served(
    make_server: MakeServer, person: MakePerson
) -> None:
    server = make_server(MAX_CONNECTIONS_PER_USER=str(SOCKETS + 1))
    ada = await person(server=server)

    async def open_sockets(count: int) -> list[RawSocket]:
        return await asyncio.gather(*(RawSocket.open(server, ada.access_token) for _ in range(count)))

    sockets = await open_sockets(50)
    assert 0 < _database_files(server) <= DATABASE_FILES_MAX
    memory = server.memory_bytes()
    while len(sockets) < SOCKETS:
        sockets += await open_sockets(50)
    welcomes = await asyncio.gather(*(socket.text("welcome") for socket in sockets))
    assert len({welcome["connection_id"] for welcome in welcomes}) == SOCKETS

    assert _database_files(server) <= DATABASE_FILES_MAX
    assert (server.memory_bytes() - memory) / SOCKETS < 128 * 1024

    general = welcomes[0]["rooms"][0]["id"]
    answer = await ada.http.post(f"/v1/rooms/{general}/messages", json={"body": "canary for everybody"})
    assert answer.status_code == 201, answer.text
    events = await asyncio.gather(*(socket.text("message.created") for socket in sockets))
    assert {event["message"]["id"] for event in events} == {answer.json()["id"]}
    assert _database_files(server) <= DATABASE_FILES_MAX
    for socket in sockets:
        socket.close()


def _database_files(server: ServerProcess) -> int:
    return sum("chat.db" in name for name in server.open_files())

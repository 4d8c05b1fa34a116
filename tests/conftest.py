"""Fixtures: server processes, people, rooms."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from tests.support.fixtures import SPECIAL, MakePerson, MakeRoom, MakeServer, TokenOf
from tests.support.people import Person, new_person, plain_token
from tests.support.server import ServerProcess
from tests.support.sockets import Socket, open_socket

MEMORY: Final = Path("/dev/shm")  # noqa: S108 (each run makes a folder of its own in it)
MEMORY_BYTES_MIN: Final = 2 * 1024**3


def pytest_configure() -> None:
    """Keep what tests write in memory where there is plenty: waiting for the disk was a third of their time.

    What a killed process had written stays either way; only a power cut, which no test makes, tells the two apart.
    Nor does a busy machine fail a search.
    """
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Keep the names of tests short whose input is long."""
    return ascii(val)[:40] if isinstance(val, str | bytes) and len(val) > 40 else None


@pytest.fixture(scope="session")
def server_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeServer]:
    """Give the server of this worker that has these settings, started at the first call and shared by all tests.

    Tests that end, stop or flood a server take `make_server`. Every log is checked at the end of the run.
    """
    pool: dict[frozenset[tuple[str, str]], ServerProcess] = {}

    def get(**env: str) -> ServerProcess:
        key = frozenset(env.items())
        if key not in pool:
            pool[key] = ServerProcess.start(tmp_path_factory.mktemp("shared") / "data", **env)
        return pool[key]

    yield get
    for server in pool.values():
        server.signal(signal.SIGTERM)  # all at once: each takes a while
    codes = [server.wait() for server in pool.values()]
    for server in pool.values():
        server.check_logs()
    assert codes == [0] * len(codes), "a drained server exits with 0"


@pytest.fixture(scope="session")
def server(server_with: MakeServer) -> ServerProcess:
    """Give the worker's shared server with default settings (without rate limits); people in it are one test's own."""
    return server_with()


@pytest.fixture(scope="session")
def special(server_with: MakeServer) -> ServerProcess:
    """Give a server of which more is known and other pages are let in: `SPECIAL` lists it."""
    return server_with(**SPECIAL)


@pytest.fixture(scope="session")
def short_lived(server_with: MakeServer) -> ServerProcess:
    """Give a server whose tickets and refresh tokens live for a second; access tokens are warned of at once."""
    return server_with(TICKET_SECONDS="1", REFRESH_TOKEN_SECONDS="1", ACCESS_TOKEN_SECONDS="30")


@pytest.fixture
def make_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeServer]:
    """Start servers of this test's own; they are killed at the end and their logs checked."""
    started: list[ServerProcess] = []

    def make(**env: str) -> ServerProcess:
        started.append(ServerProcess.start(tmp_path_factory.mktemp("own") / "data", **env))
        return started[-1]

    yield make
    for process in started:
        process.kill()
    for process in started:
        process.check_logs()


@pytest.fixture(scope="session")
def token_of() -> TokenOf:
    """Give an access token of a bystander: for tests that need any user, and change nothing about him."""
    tokens: dict[str, str] = {}

    def get(server: ServerProcess) -> str:
        if server.url not in tokens:
            tokens[server.url] = plain_token(server)
        return tokens[server.url]

    return get


@pytest_asyncio.fixture
async def visit(server: ServerProcess, token_of: TokenOf) -> AsyncIterator[Socket]:
    """Give a fresh connection of the bystander to the shared server; closed at the end."""
    socket = await open_socket(server.ws_url, token=token_of(server))
    yield socket
    await socket.close()


@pytest_asyncio.fixture
async def person(request: pytest.FixtureRequest) -> AsyncIterator[MakePerson]:
    """Make people, who are closed at the end.

    `await person()`, `await person("ada")`, `await person(server=other)`
    """
    people: list[Person] = []

    async def make(username: str | None = None, *, server: ServerProcess | None = None) -> Person:
        host: ServerProcess = server if server is not None else request.getfixturevalue("server")
        people.append(await new_person(host, username))
        return people[-1]

    yield make
    for made in people:
        await made.close()


@pytest.fixture
def make_room() -> MakeRoom:
    """Make rooms.

    `await make_room(owner, member, name="tea", visibility="private")`
    """
    numbers = itertools.count(1)

    async def make(owner: Person, *members: Person, **fields: object) -> dict[str, Any]:
        wanted = {"name": f"room {next(numbers)} {secrets.token_hex(4)}", "visibility": "public"} | fields
        answer = await owner.http.post("/v1/rooms", json=wanted)
        assert answer.status_code == 201, answer.text
        room: dict[str, Any] = answer.json()
        for member in members:
            added = await owner.http.put(f"/v1/rooms/{room['id']}/members/{member.id}", json={})
            assert added.status_code == 200, added.text
        if members:
            room = (await owner.http.get(f"/v1/rooms/{room['id']}")).json()
        return room

    return make

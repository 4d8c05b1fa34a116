"""A database that does not answer: clients are told to come back, and nothing is half done."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import fresh_password, fresh_username, login, signup
from tests.support.problems import check_problem
from tests.support.server import CANARY, ServerProcess


@contextmanager
def locked(server: ServerProcess) -> Iterator[None]:
    """Hold the write lock of the database, as another process could."""
    with closing(sqlite3.connect(server.data_dir / "chat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


@pytest.mark.wire("unavailable")
@pytest.mark.wire("GET /readyz")
async def test_writes_wait_for_a_locked_database_and_are_then_refused_as_retryable(
    make_server: MakeServer, person: MakePerson
) -> None:
    server = make_server()
    server.expected_errors |= {"store.unavailable"}
    ada = await person(server=server)
    socket = await ada.connect()
    general = socket.welcome["rooms"][0]["id"]
    name, password = fresh_username(), fresh_password()
    server.keep_secret(password)
    with locked(server):
        command = await socket.post("message.send", room_id=general, body=f"{CANARY} 1", idempotency_key="k1")
        rest, message, ready = await asyncio.gather(
            signup(ada.http, name, password),
            ada.http.post(f"/v1/rooms/{general}/messages", json={"body": f"{CANARY} 2"}),
            ada.http.get("/readyz"),
        )
        error = await socket.answer(command, timeout_s=30)
        assert (error["type"], error["code"], error["retryable"]) == ("error", "unavailable", True)
        for response in (rest, message):
            assert check_problem(response, 503, "unavailable")["retryable"] is True
            assert int(response.headers["Retry-After"]) >= 1
        assert done(await ada.http.get("/v1/users/me")) == ada.user, "reading goes on"
        assert await socket.ok("ping")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert server.find_logs("store.unavailable")

    check_problem(await login(ada.http, name, password), 401, "invalid_credentials")
    result = await socket.ok("message.send", room_id=general, body=f"{CANARY} 1", idempotency_key="k1")
    page = done(await ada.http.get(f"/v1/rooms/{general}/messages"))["items"]
    assert [entry["idempotency_key"] for entry in page].count("k1") == 1
    assert result["message"]["id"] in {entry["id"] for entry in page}
    assert (await signup(ada.http, name, password)).status_code == 201
    await server.wait_for_log("store.recovered")


async def test_a_short_lock_is_waited_for(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    with locked(ada.server):
        command = await socket.post("message.send", room_id=room["id"], body=f"{CANARY} patient")
        await asyncio.sleep(0.5)
    assert (await socket.answer(command))["type"] == "ack"

"""Another process on the same database file: what it commits holds here within a second."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from contextlib import closing
from pathlib import Path

import uuid_utils

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.server import ServerProcess, run_chat


def database(data_dir: Path) -> Path:
    """Give the file of the embedded database."""
    return data_dir / "chat.db"


async def test_a_second_server_on_the_same_folder_is_refused_with_one_line(server: ServerProcess) -> None:
    result = await asyncio.to_thread(run_chat, server.data_dir, "serve")
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert server.is_running


async def test_the_servers_own_commits_are_no_external_change(
    server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    await asyncio.sleep(1.1)  # two looks at the file: what other tests changed has been seen
    before = len(server.find_logs("node.external_change"))
    for number in range(20):
        await socket.ok("message.send", room_id=room["id"], body=f"canary {number}")
        await asyncio.sleep(0.06)
    assert len(server.find_logs("node.external_change")) == before


async def test_an_external_change_is_noticed_and_logged_within_a_second(
    make_server: MakeServer, person: MakePerson
) -> None:
    server = make_server()
    ada = await person(server=server)
    await ada.connect()
    with closing(sqlite3.connect(database(server.data_dir))) as other, other:
        other.execute("UPDATE users SET display_name = 'Changed elsewhere' WHERE id = ?", (uuid.UUID(ada.id).bytes,))
    begin = time.monotonic()
    await server.wait_for_log("node.external_change", timeout_s=2)
    assert time.monotonic() - begin < 1.2
    assert done(await ada.http.get("/v1/users/me"))["display_name"] == "Changed elsewhere"


async def test_a_message_that_another_process_wrote_is_delivered(
    server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    """A copy of the newest event under the next number stands for what another node would append."""
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    await socket.ok("message.send", room_id=room["id"], body="canary original")
    room_id = uuid.UUID(room["id"]).bytes
    with closing(sqlite3.connect(database(server.data_dir))) as other, other:
        other.row_factory = sqlite3.Row
        newest = "SELECT * FROM events WHERE room_id = ? ORDER BY seq DESC LIMIT 1"
        copy = dict(other.execute(newest, (room_id,)).fetchone())
        copy["seq"] = copy["revision"] = copy["seq"] + 1
        copy["message_id"] = uuid_utils.uuid7().bytes
        names, marks = ", ".join(copy), ", ".join("?" * len(copy))
        other.execute(f"INSERT INTO events ({names}) VALUES ({marks})", tuple(copy.values()))  # noqa: S608 (own names)
        other.execute("UPDATE rooms SET last_seq = ? WHERE id = ?", (copy["seq"], room_id))
    event = await socket.next("message.created", timeout_s=2)
    assert event["seq"] == copy["seq"]
    assert event["message"]["id"] == str(uuid.UUID(bytes=copy["message_id"]))

"""Every operation and command by every kind of user, in public and private rooms: what the table says, or no trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from api.ws.commands import KNOWN_TYPES
from tests.server.conversation import STATUS_OF, done, of_room, refused, remove
from tests.server.permissions import OPERATIONS, REST, SOCKET, Stage, command_fields, expectations, set_stage
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import http_client
from tests.support.problems import check_problem
from tests.support.raw import handshake
from tests.support.server import ServerProcess
from tests.support.sockets import Socket

HARMLESS = {"change room", "post message", "mark read", "edit his own", "delete his own"}  # nothing to put back


async def test_the_table_has_every_route_with_an_id_and_every_command(server: ServerProcess) -> None:
    """A new one has to say who may use it."""
    async with http_client(server) as http:
        paths = done(await http.get("/openapi.json"))["paths"]
    with_an_id = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods.keys() & {"get", "put", "post", "patch", "delete"}
        if "{" in path
    }
    assert {operation.route for operation in OPERATIONS.values()} == with_an_id
    assert expectations(REST, "public").keys() == OPERATIONS.keys()
    assert expectations(SOCKET, "public").keys() == KNOWN_TYPES


@pytest.mark.wire("forbidden")
@pytest.mark.wire("banned")
@pytest.mark.wire("not_found")
@pytest.mark.parametrize("visibility", ["public", "private"])
async def test_everybody_may_what_the_table_says_and_a_refusal_leaves_no_trace(
    person: MakePerson, make_room: MakeRoom, visibility: str
) -> None:
    stage = await set_stage(person, make_room, visibility)
    watching = await stage.keeper.connect()
    for operation, row in expectations(REST, visibility).items():
        refusals = {role: code for role, code in row.items() if code != "ok"}
        async with _no_trace(stage, watching, operation):
            answers = await asyncio.gather(*(OPERATIONS[operation].call(stage, role) for role in refusals))
            for (role, code), answer in zip(refusals.items(), answers, strict=True):
                _check_refusal(answer, code, f"{operation} by {role}")
        for role in row.keys() - refusals.keys():
            answer = await OPERATIONS[operation].call(stage, role)
            assert answer.is_success, f"{operation} by {role}: {answer.text}"
            if answer.request.method != "GET" and operation not in HARMLESS:
                await stage.put_back()

    sockets = {role: await actor.connect() for role, actor in stage.actors.items() if role != "nobody"}
    check_problem(await handshake(stage.keeper.server), 401, "missing_token")
    for command, row in expectations(SOCKET, visibility).items():
        refusals = {role: code for role, code in row.items() if code != "ok"}
        async with _no_trace(stage, watching, command):
            for role, code in refusals.items():
                frame = await sockets[role].error(command, **command_fields(stage, stage.actors[role])[command])
                assert frame["code"] == code, f"{command} by {role}: {frame}"
        for role in row.keys() - refusals.keys():
            await sockets[role].ok(command, **command_fields(stage, stage.actors[role])[command])
            if command == "message.delete":
                await stage.put_back()


async def test_a_private_room_answers_as_an_id_that_nothing_has(person: MakePerson, make_room: MakeRoom) -> None:
    """To whoever is not in it: a refusal that differed in a word would tell that the room is there."""
    stage = await set_stage(person, make_room, "private")
    await remove(stage.low, stage.room, stage.low)
    room_id = stage.room["id"]
    nothing = room_id[:-1] + ("0" if room_id[-1] != "0" else "1")
    for someone in (*(stage.actors[role] for role in ("outsider", "former", "banned", "admin")), stage.low):
        there = refused(await someone.http.get(stage.path), "not_found")
        absent = refused(await someone.http.get(f"/v1/rooms/{nothing}"), "not_found")
        assert there | {"request_id": ""} == absent | {"request_id": ""}
        assert room_id not in {item["id"] for item in done(await someone.http.get("/v1/rooms"))["items"]}


@asynccontextmanager
async def _no_trace(stage: Stage, watching: Socket, what: str) -> AsyncIterator[None]:
    """Assert that nothing is stored and nothing shown to a member by what is done inside."""
    for _ in await of_room(watching, stage.room):
        await watching.next(room_id=stage.room["id"])
    before = await stage.everything()
    yield
    assert await of_room(watching, stage.room) == [], f"{what} was shown though it was refused"
    assert await stage.everything() == before, f"{what} left a trace though it was refused"


def _check_refusal(answer: httpx2.Response, code: str, what: str) -> None:
    assert answer.is_client_error, f"{what}: {answer.status_code} {answer.text}"
    assert answer.json()["code"] == code, f"{what}: {answer.text}"
    check_problem(answer, STATUS_OF.get(code, 401), code)

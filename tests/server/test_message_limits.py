"""Limits on a socket: a user's messages, whichever way they come, and the end of a client that does not listen."""

from __future__ import annotations

import pytest

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import Person
from tests.support.problems import check_problem
from tests.support.server import CANARY, ServerProcess
from tests.support.sockets import Socket

pytestmark = pytest.mark.wire("rate_limited")


@pytest.fixture
def slow(server_with: MakeServer) -> ServerProcess:
    """Give a server that takes three messages and two questions for history a minute of a user."""
    return server_with(
        RATE_LIMITS_ENABLED="true",
        RATE_LIMIT_MESSAGES="3/minute",
        RATE_LIMIT_HISTORY="2/minute",
        RATE_LIMIT_SIGNUP="10000/minute",
        RATE_LIMIT_REST="10000/minute",
    )


async def spend(ada: Person, socket: Socket, room: dict[str, str]) -> None:
    """Send as many messages as are allowed."""
    assert socket.welcome["limits"]["messages"] == {"count": 3, "window_seconds": 60}
    for _ in range(3):
        await socket.ok("message.send", room_id=room["id"], body=f"{CANARY} allowed")


async def test_one_message_too_many_is_refused_with_the_time_to_wait(
    slow: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person(server=slow)
    room = await make_room(ada)
    socket = await ada.connect()
    await spend(ada, socket, room)
    error = await socket.error("message.send", room_id=room["id"], body=f"{CANARY} too many", idempotency_key="k")
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert 0 < error["retry_after_ms"] <= 60_000
    messages = done(await ada.http.get(f"/v1/rooms/{room['id']}/messages"))["items"]
    assert {message["body"] for message in messages} == {f"{CANARY} allowed"}
    line = await slow.wait_for_log("rate_limit.exceeded", limit="messages", user_id=ada.id)
    assert (line["client"], line["connection_id"]) == ("127.0.0.1", socket.welcome["connection_id"])


async def test_the_limit_is_the_users_on_all_sockets_and_over_rest(
    slow: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada, eve = await person(server=slow), await person(server=slow)
    room = await make_room(ada, eve)
    first, second = await ada.connect(), await ada.connect()
    await spend(ada, first, room)
    assert (await second.error("message.send", room_id=room["id"], body="x"))["code"] == "rate_limited"
    answer = await ada.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "x"})
    check_problem(answer, 429, "rate_limited")
    await slow.wait_for_log(
        "rate_limit.exceeded", limit="messages", client="127.0.0.1", request_id=answer.headers["X-Request-ID"]
    )
    others = await eve.connect()
    await spend(eve, others, room)


async def test_other_commands_go_on(slow: ServerProcess, person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person(server=slow)
    room = await make_room(ada)
    socket = await ada.connect()
    await spend(ada, socket, room)
    assert (await socket.error("message.send", room_id=room["id"], body="x"))["code"] == "rate_limited"
    await socket.ok("ping")
    await socket.ok("history.get", room_id=room["id"], after_seq=0)
    await socket.ok("read.mark", room_id=room["id"], seq=1)


@pytest.mark.wire("close 4004")
async def test_a_hundred_refusals_within_a_minute_end_the_socket(
    slow: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person(server=slow)
    room = await make_room(ada)
    socket = await ada.connect()
    await spend(ada, socket, room)
    for _ in range(99):
        assert (await socket.error("message.send", room_id=room["id"], body="x"))["code"] == "rate_limited"
    await socket.ok("ping")
    await socket.post("message.send", room_id=room["id"], body="x")
    assert await socket.closed() == (4004, "rate_limited")
    assert [frame["code"] for frame in socket.inbox if frame["type"] == "error"] == ["rate_limited"]
    await slow.wait_for_log("ws.disconnected", connection_id=socket.welcome["connection_id"], code=4004)


async def test_history_has_a_limit_of_its_own(slow: ServerProcess, person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person(server=slow)
    room = await make_room(ada)
    socket = await ada.connect()
    for _ in range(2):
        await socket.ok("history.get", room_id=room["id"], after_seq=0)
    error = await socket.error("history.get", room_id=room["id"], after_seq=0)
    assert error["code"] == "rate_limited"
    await socket.ok("message.send", room_id=room["id"], body=f"{CANARY} hello")


async def test_without_limits_the_welcome_names_none(person: MakePerson) -> None:
    ada = await person()
    limits = (await ada.connect()).welcome["limits"]
    assert limits == {"frame_bytes": 65_536, "body_chars": 4_000, "messages": None}

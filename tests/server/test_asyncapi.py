"""/asyncapi.json and /docs/ws, compared with a server that is driven through every message of the description."""

from __future__ import annotations

import pytest

from api.ws.asyncapi.document import describe
from config.settings import Settings
from tests.server.conversation import add, ban, done, join, remove, send, unban
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.judge import description, limits_of
from tests.support.people import http_client
from tests.support.server import ServerProcess


@pytest.mark.wire("GET /asyncapi.json")
async def test_the_description_is_the_one_that_every_frame_of_these_tests_is_held_against(
    server: ServerProcess,
) -> None:
    settings = Settings.load(None, rate_limits_enabled=False)
    async with http_client(server) as http:
        document = done(await http.get("/asyncapi.json"))
    assert document == describe(limits_of(settings))
    assert document["components"]["schemas"] == description().document["components"]["schemas"]
    assert document["operations"] == description().document["operations"]


async def test_the_description_says_the_limits_of_this_server(special: ServerProcess) -> None:
    async with http_client(special) as http:
        limits = done(await http.get("/asyncapi.json"))["channels"]["socket"]["x-limits"]
    assert (limits["connections_per_user"]["value"], limits["stall_ms"]["value"]) == (50, 2000)


@pytest.mark.wire("GET /docs/ws")
async def test_the_page_is_served_with_its_own_rules(server: ServerProcess) -> None:
    async with http_client(server) as http:
        page, style = await http.get("/docs/ws"), await http.get("/docs/ws/page.css")
        assert 'href="docs/ws"' in (await http.get("/docs")).text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'href="../docs"' in page.text
    for answer in (page, style):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'")
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_server_says_everything_that_is_described_and_nothing_else(
    make_server: MakeServer, person: MakePerson
) -> None:
    """`Socket` holds each frame against the description; here all of them are heard."""
    server = make_server(HEARTBEAT_SECONDS="0.2", TOKEN_WARNING_SECONDS="900")
    ada, bob = await person(server=server), await person(server=server)
    a, b = await ada.connect(), await bob.connect()
    await a.next("token.expiring")
    room = done(await ada.http.post("/v1/rooms", json={"name": "Tea", "visibility": "public"}), 201)
    await join(bob, room)
    await a.next("member.joined")
    message = await send(b, room)
    await a.next("message.created")
    await b.ok("message.edit", message_id=message["id"], body="Coffee?")
    await b.ok("message.delete", message_id=message["id"])
    await a.ok("read.mark", room_id=room["id"], seq=message["seq"])
    await b.next("read")
    await b.ok("typing.set", room_id=room["id"], typing=True)
    await a.next("typing")
    await add(ada, room, bob, "moderator")
    done(await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "or coffee"}))
    await remove(bob, room, bob)
    await join(bob, room)
    await remove(ada, room, bob)
    await ban(ada, room, bob)
    await unban(ada, room, bob)
    await a.next("member.unbanned")
    page = await a.ok("history.get", room_id=room["id"], after_seq=0)
    await a.ok("ping")
    await a.ok("token.refresh", access_token=ada.access_token)
    await b.error("message.send", room_id=room["id"], body="Anybody?")
    done(await ada.http.delete(f"/v1/rooms/{room['id']}"), 204)
    await a.next("room.left")
    await a.next("heartbeat")
    assert server.terminate() == 0
    assert (await a.closed(), await b.closed()) == ((4001, "draining"),) * 2

    described = description()
    heard = a.judge.heard | b.judge.heard | {event["type"] for event in page["items"]}
    assert heard == {*described.pushes, *(f"{name}.ack" for name in described.commands), "error"}

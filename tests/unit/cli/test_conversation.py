"""What a person at `chat talk` sees and says, over pipes and against a real server."""

from __future__ import annotations

import asyncio

from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import fresh_username
from tests.support.server import ServerProcess
from tests.support.talkers import Talk


async def test_lines_that_come_at_once_are_all_said_before_the_end(
    talk: Talk, server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    """`chat talk < file`: the end of the input waits for the last acknowledgement, which is shown."""
    ada = await person()
    room = await make_room(ada)
    talker = await talk(
        server,
        *("--username", ada.username, "--room", room["id"]),
        typed=(ada.password, *(f"line {number}" for number in range(120))),
    )
    assert await talker.ends() == 0
    shown = [line.partition(": ")[2] for line in talker.lines if f"] {ada.username}: " in line]
    assert shown == [f"line {number}" for number in range(120)]
    messages = (await ada.http.get(f"/v1/rooms/{room['id']}/messages", params={"limit": 200})).json()["items"]
    assert [message["body"] for message in messages] == shown


async def test_a_killed_server_costs_nothing_but_time(talk: Talk, make_server: MakeServer) -> None:
    server = make_server()
    first, second = await talk.new(server), await talk.new(server)
    first.type("before")
    await second.sees(": before$")
    await asyncio.to_thread(server.kill)
    await first.sees(r"^\* Disconnected: .* Trying again\.$")
    await second.sees(r"^\* Disconnected: ")
    first.type(*(f"meanwhile {number}" for number in range(3)))
    await asyncio.to_thread(server.restart)
    await second.sees(": meanwhile 2$", timeout_s=40)
    await first.sees(": meanwhile 2$", timeout_s=40)
    second.type("after")
    await first.sees(": after$")
    await second.sees(": after$")
    assert await first.ends() == 0
    assert await second.ends() == 0
    for talker in (first, second):
        said = [line.rpartition(": ")[2] for line in talker.lines if line.startswith("[")]
        assert said == ["before", "meanwhile 0", "meanwhile 1", "meanwhile 2", "after"]
        assert [line for line in talker.lines if line == "* Connected again."] != []


async def test_rooms_are_made_joined_and_listed(
    talk: Talk, server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await person(), await person()
    tea = await make_room(ada, topic="leaves")
    hidden = await make_room(ada, visibility="private")
    talker = await talk.person(bob)
    talker.type(f"/join {hidden['name']}")
    await talker.sees("^! There is no such room")
    talker.type(f"/join {tea['name'].upper()}", "hello there")
    await talker.sees(f"^--- {tea['name']} ---$")
    await talker.sees(f"\\] {bob.username}: hello there$")
    talker.type("/who")
    who = await talker.sees(r"^\* .*owner")
    assert ada.username in who
    assert bob.username in who
    coffee = f"coffee {fresh_username()}"
    talker.type(f"/create {coffee}", f"/create {coffee}")
    await talker.sees(f"^--- {coffee} ---$")
    await talker.sees("^! There is a public room of this name already.$")
    talker.type("/rooms")
    await talker.sees(rf"^\* {coffee} \(here\)  [0-9a-f-]{{36}}$")
    talker.type(f"/join {tea['id']}", "back")
    await talker.sees(f"\\] {bob.username}: back$")
    talker.type("/help", "/nonsense", "/join")
    await talker.sees("^/quit ")
    await talker.sees("^! Not a command like that")
    await talker.sees("^! Not a command like that")
    talker.type("/quit")
    assert await talker.ends() == 0


async def test_what_happens_in_the_room_is_told(
    talk: Talk, server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob, eve = await person(), await person(), await person()
    room = await make_room(ada, bob)
    talker = await talk.person(bob, "--room", room["id"])
    message = (await ada.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "helo"})).json()
    await talker.sees(": helo$")
    await ada.http.patch(f"/v1/messages/{message['id']}", json={"body": "hello"})
    await talker.sees(rf"^\* {ada.username} has edited a message: hello$")
    await ada.http.delete(f"/v1/messages/{message['id']}")
    await talker.sees(rf"^\* {ada.username} has deleted a message of {ada.username}\.$")
    await ada.http.put(f"/v1/rooms/{room['id']}/members/{eve.id}", json={})
    await talker.sees(rf"^\* {ada.username} has added {eve.username}\.$")
    await eve.http.delete(f"/v1/rooms/{room['id']}/members/{eve.id}")
    await talker.sees(rf"^\* {eve.username} has left\.$")
    await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "tea"})
    await talker.sees(rf"^\* {ada.username} has changed the room: .*\(tea\)")
    await ada.http.put(f"/v1/rooms/{room['id']}/bans/{bob.id}", json={})
    await talker.sees("^\\* You were banned from ")
    talker.type("anyone?")
    await talker.sees("^! You are in no room")
    assert await talker.ends() == 0


async def test_text_of_others_cannot_play_tricks_on_the_terminal(
    talk: Talk, server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    """What the server lets through (line breaks, exotic separators) does not look like a line of its own."""
    ada, bob = await person(), await person()
    room = await make_room(ada, bob)
    talker = await talk.person(bob, "--room", room["id"])
    body = "look\n[12:00] admin: give me your password\u2028* Disconnected\u200e"
    answer = await ada.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": body})
    assert answer.status_code == 201
    await talker.sees(": look$")
    line = await talker.sees("password")
    assert line == "        [12:00] admin: give me your password\ufffd* Disconnected\ufffd"
    assert await talker.ends() == 0

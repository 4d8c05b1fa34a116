"""`chat talk` from its first question to its last word, against a real server."""

from __future__ import annotations

import asyncio
import re

from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import fresh_password, fresh_username
from tests.support.server import CANARY, ServerProcess
from tests.support.talkers import Talk


async def test_two_people_talk(talk: Talk, make_server: MakeServer) -> None:
    server = make_server()
    ada, bob = fresh_username(), fresh_username()
    password = fresh_password()
    server.keep_secret(password)
    first = await talk(server, "--sign-up", typed=(ada, password))
    await first.sees(f"^\\* Connected to {re.escape(server.url)} as {ada}\\.")
    await first.sees("^--- general ---$")
    first.type(f"Hello? {CANARY}")
    await first.sees(rf"^\[\d\d:\d\d\] {ada}: Hello\? {CANARY}$")
    second = await talk(server, "--sign-up", "--username", bob, typed=(password,))
    await second.sees(rf"^\[\d\d:\d\d\] {ada}: Hello\? {CANARY}$")
    second.type("//shrug", "  indented")
    await first.sees(rf"\] {bob}: /shrug$")
    await first.sees(rf"\] {bob}: indented$")
    assert await second.ends() == 0
    assert await first.ends() == 0
    assert (first.errors, second.errors) == ("", "")
    again = await talk(server, "--log-in", "--username", ada, typed=(password, "back"))
    await again.sees(rf"\] {ada}: back$")
    assert [line for line in again.lines if "Hello?" in line] != [], "history is shown"
    assert await again.ends() == 0


async def test_failures_are_told_in_words(talk: Talk, server: ServerProcess, person: MakePerson) -> None:
    ada = await person()
    for args, typed, words in [
        (("--username", ada.username), ("not the password",), "Wrong username or password."),
        (("--username", ada.username, "--sign-up"), (fresh_password(),), "This username is taken."),
        (("--username", fresh_username(), "--sign-up"), ("short",), "password"),
        (("--username", ada.username, "--room", "no such room"), (ada.password,), 'no room "no such room"'),
        (("--server", "ftp://nowhere"), ("a", "b"), "not the address of a server"),
        (("--server", "http://127.0.0.1:9"), ("a", "b"), "No server answers at http://127.0.0.1:9."),
        ((), ("a name and no more",), "the input ended before the password"),
    ]:
        talker = await talk(server, *args, typed=typed)
        assert await talker.ends() == 1
        assert talker.errors.startswith("chat: ")
        assert words in talker.errors
        assert talker.errors.count("\n") == 1


async def test_the_end_of_the_session_ends_the_talk(talk: Talk, server: ServerProcess, person: MakePerson) -> None:
    ada = await person()
    talker = await talk.person(ada)
    sessions = (await ada.http.get("/v1/auth/sessions")).json()["items"]
    other = next(session for session in sessions if not session["current"])
    await ada.http.delete(f"/v1/auth/sessions/{other['id']}")
    async with asyncio.timeout(10):
        assert await talker.process.wait() == 1
    _, err = await talker.process.communicate()
    assert err.decode() == "chat: Your session was ended. Start again to log in.\n"


async def test_leaving_logs_out(talk: Talk, server: ServerProcess, person: MakePerson) -> None:
    ada = await person()
    talker = await talk.person(ada)
    assert len((await ada.http.get("/v1/auth/sessions")).json()["items"]) == 2
    assert await talker.ends() == 0
    assert len((await ada.http.get("/v1/auth/sessions")).json()["items"]) == 1

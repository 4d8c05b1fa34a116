"""`chat talk` on a pseudo-terminal, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.server import ServerProcess
from tests.support.talkers import Screen


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of forkpty:DeprecationWarning")
async def test_on_a_terminal_the_typed_line_survives_what_arrives(
    server: ServerProcess, person: MakePerson, make_room: MakeRoom, tmp_path: Path
) -> None:
    ada, bob = await person(), await person()
    room = await make_room(ada, bob)
    screen = Screen(server, tmp_path, "--room", room["id"])
    try:
        await screen.sees("Do you have an account? [Y/n]: ")
        screen.type("\n")
        await screen.sees("Username: ")
        screen.type(f"{bob.username}\n")
        await screen.sees("Password: ")
        screen.type(f"{bob.password}\n")
        await screen.sees(f"{room['name']}> ")
        assert bob.password not in screen.text
        screen.type("I am just ty\x1b[Ddping\x7f\x7f\x7f\x7f\x7fping")
        await screen.sees(f"{room['name']}> I am just typing")
        await ada.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "me too"})
        await screen.sees("\r\x1b[K[")
        await screen.sees(f"] {ada.username}: me too\r\n{room['name']}> I am just typing")
        screen.type("\r")
        await screen.sees(f"] {bob.username}: I am just typing\r\n{room['name']}> ")
        screen.type("\x04")
        assert await screen.ends() == 0
    finally:
        screen.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of forkpty:DeprecationWarning")
async def test_ctrl_c_leaves(server: ServerProcess, person: MakePerson, tmp_path: Path) -> None:
    ada = await person()
    screen = Screen(server, tmp_path, "--username", ada.username, "--log-in")
    try:
        await screen.sees("Password: ")
        screen.type(f"{ada.password}\n")
        await screen.sees("general> ")
        screen.type("unfinished\x03")
        assert await screen.ends() == 130
        assert "Traceback" not in screen.text
    finally:
        screen.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of forkpty:DeprecationWarning")
async def test_of_a_line_that_is_too_long_the_end_is_shown(
    server: ServerProcess, person: MakePerson, tmp_path: Path
) -> None:
    """The terminal is 60 columns wide; a line that wraps could not be taken back when a message arrives."""
    ada = await person()
    screen = Screen(server, tmp_path, "--username", ada.username, "--log-in")
    try:
        await screen.sees("Password: ")
        screen.type(f"{ada.password}\n")
        await screen.sees("general> ")
        screen.type("a" * 60 + "\N{SNOWMAN}\u65e5\u672c" + "b" * 10)
        await screen.sees("\r\x1b[K" + "a" * 44 + "\N{SNOWMAN}\u65e5\u672c" + "b" * 10)
        screen.type("\x03")
        assert await screen.ends() == 130
    finally:
        screen.close()

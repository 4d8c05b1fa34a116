"""What `chat talk` asks on a terminal before the talk begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.people import fresh_password, fresh_username
from tests.support.server import ServerProcess
from tests.support.talkers import Screen


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of forkpty:DeprecationWarning")
async def test_a_new_password_is_asked_for_until_it_comes_twice(server: ServerProcess, tmp_path: Path) -> None:
    name, password = fresh_username(), fresh_password()
    server.keep_secret(password)
    screen = Screen(server, tmp_path)
    try:
        await screen.sees("Do you have an account? [Y/n]: ")
        screen.type("n\n")
        await screen.sees("Username: ")
        screen.type(f"{name}\n")
        for answer in (password, "another"):
            await screen.sees("Password: " if answer == password else "The same again: ")
            screen.type(f"{answer}\n")
        await screen.sees("These were two different passwords.")
        await screen.sees("Password: ")
        screen.type(f"{password}\n")
        await screen.sees("The same again: ")
        screen.type(f"{password}\n")
        await screen.sees(f" as {name}. /help lists commands.")
        await screen.sees("general> ")
        screen.type("/quit\r")
        assert await screen.ends() == 0
        assert password not in screen.text
    finally:
        screen.close()

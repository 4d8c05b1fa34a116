"""What examples share: the server, the default room as the last example left it, and the operator's hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from api.domain.models import User as StoredUser
from api.resources import open_administration
from api.services.administration import Administration
from config.settings import load_settings
from tests.search.fresh import Fresh
from tests.search.model.state import Json, Room, Session, User
from tests.search.world import World
from tests.support.people import fresh_password, fresh_username
from tests.support.server import ServerProcess

NOTICE_SECONDS: Final = 5
OUTSIDE: Final = "node.external_change"

Change = Callable[[Administration, str], Awaitable[StoredUser]]


class Ground:
    """A server that nobody else uses."""

    def __init__(self, server: ServerProcess, runner: asyncio.Runner) -> None:
        """Sign up an admin who looks around before each example."""
        self.server = server
        # How often each move was made, and each answer given, in all examples.
        self.done: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self._runner = runner
        scout = User(Fresh.known("-"), fresh_username(), "-", fresh_password())
        self._scout = Session(scout, Fresh.known("-"))
        self._refresh_token = ""
        self._sign_up(scout)
        self.administer(scout, Administration.promote)

    def _sign_up(self, scout: User) -> None:
        world = World(self.server, self._runner, self.answers)
        form = {"username": scout.username, "password": scout.password}
        assert world.request(None, "POST", "/v1/auth/signup", json=form).status_code == 201
        self._use(world.request(None, "POST", "/v1/auth/login", data=form).json())
        world.close()

    def _use(self, pair: Json) -> None:
        self.server.keep_secret(pair["access_token"], pair["refresh_token"])
        self._scout.access_token = Fresh.known(pair["access_token"])
        self._refresh_token = str(pair["refresh_token"])

    def world(self) -> World:
        """Begin an example; it knows what is in the default room already."""
        world = World(self.server, self._runner, self.answers)
        # A long search outlives an access token.
        body = {"refresh_token": self._refresh_token}
        self._use(world.request(None, "POST", "/v1/auth/refresh", json=body).json())
        found = world.pages(self._scout, "/v1/rooms", 50)[0]
        room = Room(
            Fresh.known(found["id"]),
            found["name"],
            found["topic"],
            is_public=True,
            epoch=Fresh.known(found["epoch"]),
            created_at=Fresh.known(found["created_at"]),
            is_default=True,
        )
        path = f"/v1/rooms/{found['id']}"
        room.old_members = world.pages(self._scout, f"{path}/members", 200)
        room.old_bans = world.pages(self._scout, f"{path}/bans", 200)
        while len(room.old_events) < found["last_seq"]:
            query = {"after_seq": len(room.old_events), "limit": 200}
            room.old_events += self._read(world, f"{path}/events", query)
        room.old_messages = [event["message"] for event in room.old_events if event["type"] == "message.created"]
        world.state.rooms.append(room)
        return world

    def administer(self, user: User, change: Change) -> None:
        """Do what `chat user` does, beside the running server, and wait until that has noticed."""
        noticed = len(self.server.find_logs(OUTSIDE))
        self._runner.run(self._administer(str(user.username), change, noticed + 1))

    async def _administer(self, username: str, change: Change, notices: int) -> None:
        async with open_administration(load_settings(None, data_dir=self.server.data_dir)) as administration:
            await change(administration, username)
        async with asyncio.timeout(NOTICE_SECONDS):
            while len(self.server.find_logs(OUTSIDE)) < notices:  # noqa: ASYNC110 - a log in a file wakes nobody
                await asyncio.sleep(0.02)

    def _read(self, world: World, path: str, query: dict[str, Any]) -> list[Json]:
        response = world.request(self._scout, "GET", path, params=query)
        assert response.status_code == 200, response.text
        items: list[Json] = response.json()["items"]
        return items

"""The whole application inside the process of the test, asked through ASGI: all of it is real but the network."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx2
from passlib.context import CryptContext
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.domain.models import User, UserRole, UserStatus
from api.resources import Resources
from api.services.accounts import enrol
from config.settings import Settings
from tests.support.accounts import migrated_database
from tests.support.described import hold_against_document

PASSWORD: Final = "correct horse battery"
ADDRESS: Final = "192.0.2.1"


@dataclass(frozen=True)
class Insider:
    """A user with a session and a REST client of his own."""

    user: User
    token: str
    refresh_token: str
    http: httpx2.AsyncClient

    @property
    def id(self) -> str:
        """The user's id."""
        return self.user.id

    async def make_room(self, *members: Insider, **fields: object) -> str:
        """Make a room, by default a public one under a fresh name, and add people; gives its id."""
        wanted = {"name": f"room {secrets.token_hex(4)}", "visibility": "public"} | fields
        made = await self.http.post("/v1/rooms", json=wanted)
        assert made.status_code == 201, made.text
        room_id: str = made.json()["id"]
        for member in members:
            added = await self.http.put(f"/v1/rooms/{room_id}/members/{member.id}", json={})
            assert added.status_code == 200, added.text
        return room_id


class Inside:
    """One application whose lifespan has begun."""

    def __init__(self, app: ASGIApp, resources: Resources, stack: AsyncExitStack) -> None:
        self.app = app
        self.resources = resources
        self._stack = stack

    async def client(self, token: str | None = None, *, raises: bool = True, **headers: str) -> httpx2.AsyncClient:
        """Make a client, with an access token or without; it is closed with the application.

        Whatever it is answered has to stand in `/openapi.json`.

        Args:
            raises: what no handler answers breaks the test; without it the client sees what a client would.
        """
        sent = headers | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=raises, client=(ADDRESS, 50_000))
        made = httpx2.AsyncClient(
            transport=transport,
            base_url="http://testserver",
            headers=sent,
            event_hooks={"response": [hold_against_document]},
        )
        return await self._stack.enter_async_context(made)

    async def person(self, username: str | None = None) -> Insider:
        """Add a user whose password is `PASSWORD`, and open a session, without the work that a real hash is."""
        name = username or f"user-{secrets.token_hex(6)}"
        user = await self.resources.store.write(lambda unit: enrol(unit, name, None, _quick_hash()))
        return await self.session(user)

    async def session(self, user: User) -> Insider:
        """Open one more session."""
        sessions = self.resources.sessions
        pair = sessions.pair(await self.resources.store.write(lambda unit: sessions.open(unit, user.id, "test/1")))
        return Insider(user, pair.access_token, pair.refresh_token, await self.client(pair.access_token))

    async def suspend(self, user: User) -> None:
        """Suspend somebody, as the command line does."""
        await self.resources.store.write(lambda unit: unit.users.set_status(user.id, UserStatus.SUSPENDED))
        self.resources.authenticator.invalidate_user(user.id)

    async def promote(self, user: User) -> None:
        """Make somebody an admin, as the command line does."""
        await self.resources.store.write(lambda unit: unit.users.set_role(user.id, UserRole.ADMIN))
        self.resources.authenticator.invalidate_user(user.id)


@asynccontextmanager
async def open_inside(folder: Path, **settings: Any) -> AsyncIterator[Inside]:  # noqa: ANN401 - as `Settings` takes them
    """Open the application on a database of its own in this folder; without rate limits, if `settings` ask for none."""
    (folder / "chat.db").write_bytes(migrated_database())
    app = create_app(Settings.load(None, **{"data_dir": folder, "rate_limits_enabled": False} | settings))
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(app.router.lifespan_context(app))
        assert state is not None

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state)}, receive, send)

        async with AsyncExitStack() as clients:
            yield Inside(with_state, state["resources"], clients)


@cache
def _quick_hash() -> str:
    return CryptContext(schemes=["argon2"], argon2__memory_cost=64, argon2__time_cost=1).hash(PASSWORD)

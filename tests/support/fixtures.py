"""The types of the fixtures in conftest.py."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from tests.support.people import Person
from tests.support.server import ServerProcess

# What the fixture `special` sets: none of it shows where a test does not look for it.
SPECIAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SECRET_KEYS": "a secret of the tests of 32 bytes or more",
        "ALLOWED_ORIGINS": "https://app.example.com,http://localhost:5173",
        "STALL_SECONDS": "2",
        "MAX_CONNECTIONS_PER_USER": "50",
    }
)


class MakeServer(Protocol):
    """A fixture that starts servers."""

    def __call__(self, **env: str) -> ServerProcess:
        """Start a server with these settings (names without CHAT_)."""
        ...


class MakePerson(Protocol):
    """A fixture that makes people."""

    def __call__(self, username: str | None = None, *, server: ServerProcess | None = None) -> Awaitable[Person]:
        """Sign up and log in a user, on the shared server if none is given."""
        ...


class MakeRoom(Protocol):
    """A fixture that makes rooms."""

    def __call__(self, owner: Person, *members: Person, **fields: object) -> Awaitable[dict[str, Any]]:
        """Create a room of this owner, who adds the members; gives the owner's `Room`.

        `fields` are those of `POST /v1/rooms`; without them the room has a name of its own and is public.
        """
        ...


class TokenOf(Protocol):
    """A fixture that gives an access token of a user whom no test changes."""

    def __call__(self, server: ServerProcess) -> str:
        """Give the one of this server; the same at each call."""
        ...

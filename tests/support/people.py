"""Users as tests need them: signed up, logged in, with a REST client and sockets."""

from __future__ import annotations

import functools
import secrets
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2

from tests.support.described import hold_against_document
from tests.support.server import CANARY, ServerProcess
from tests.support.sockets import Socket, open_socket

REQUEST_SECONDS = 30


def fresh_username() -> str:
    """Make a username that no test has used."""
    return f"user-{secrets.token_hex(6)}"


def fresh_password() -> str:
    """Make a password that no log may hold (`ServerProcess.check_logs`)."""
    return f"{CANARY} {secrets.token_hex(8)} Pässword"


@functools.cache
def _no_tls() -> ssl.SSLContext:
    # Every client would read the machine's certificates anew (35 ms), and none of them needs any.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http_client(server: ServerProcess, token: str | None = None, **headers: str) -> httpx2.AsyncClient:
    """Make a REST client of this server, with an access token or without; the caller closes it.

    Whatever it is answered has to stand in `/openapi.json`.
    """
    sent = dict(headers) | ({"Authorization": f"Bearer {token}"} if token is not None else {})
    return httpx2.AsyncClient(
        base_url=server.url,
        headers=sent,
        timeout=REQUEST_SECONDS,
        trust_env=False,
        verify=_no_tls(),
        event_hooks={"response": [hold_against_document]},
    )


@dataclass
class Person:
    """A signed-up, logged-in user."""

    server: ServerProcess
    username: str
    password: str
    user: dict[str, Any]
    access_token: str
    refresh_token: str
    http: httpx2.AsyncClient
    tokens: dict[str, Any]
    sockets: list[Socket] = field(default_factory=list)
    sessions: list[Person] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The user's id."""
        return str(self.user["id"])

    @property
    def ref(self) -> dict[str, Any]:
        """The user as `UserRef` of the protocol."""
        return {name: self.user[name] for name in ("id", "username", "display_name")}

    def use(self, tokens: dict[str, Any]) -> None:
        """Go on with another token pair (after a login or a refresh)."""
        self.server.keep_secret(tokens["access_token"], tokens["refresh_token"])
        self.tokens = tokens
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.http.headers["Authorization"] = f"Bearer {self.access_token}"

    async def login(self, password: str | None = None) -> dict[str, Any]:
        """Log in once more; gives the token pair of the new session and leaves the present one in use."""
        response = await login(self.http, self.username, self.password if password is None else password)
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        self.server.keep_secret(tokens["access_token"], tokens["refresh_token"])
        return tokens

    async def second_session(self) -> Person:
        """Log in once more and give that session as a person of its own (same user), closed with this one."""
        tokens = await self.login()
        http = http_client(self.server)
        other = Person(self.server, self.username, self.password, self.user, "", "", http, tokens)
        other.use(tokens)
        self.sessions.append(other)
        return other

    async def ticket(self) -> str:
        """Ask for a ticket."""
        response = await self.http.post("/v1/auth/ws-ticket")
        assert response.status_code == 201, response.text
        ticket = str(response.json()["ticket"])
        self.server.keep_secret(ticket)
        return ticket

    async def connect(
        self,
        *,
        by: Literal["header", "subprotocol", "ticket"] = "header",
        headers: Mapping[str, str] | None = None,
        origin: str | None = None,
    ) -> Socket:
        """Open a connection, showing the token in one of the three ways, and take its welcome."""
        url, token = self.server.ws_url, self.access_token
        if by == "header":
            socket = await open_socket(url, token=token, headers=headers, origin=origin)
        elif by == "subprotocol":
            offered = ["chat.v1", f"bearer.{token}"]
            socket = await open_socket(url, subprotocols=offered, headers=headers, origin=origin)
        else:
            socket = await open_socket(f"{url}?ticket={await self.ticket()}", headers=headers, origin=origin)
        self.sockets.append(socket)
        return socket

    async def close(self) -> None:
        """Close the sockets and the REST client, of the other sessions too."""
        async with AsyncExitStack() as closing:  # all of them, also when one tells of a fault
            closing.push_async_callback(self.http.aclose)
            for socket in self.sockets:
                closing.push_async_callback(socket.close)
            for session in self.sessions:
                closing.push_async_callback(session.close)


async def signup(http: httpx2.AsyncClient, username: str, password: str, **fields: object) -> httpx2.Response:
    """Send a sign-up and give the answer, whatever it is."""
    return await http.post("/v1/auth/signup", json={"username": username, "password": password, **fields})


async def login(http: httpx2.AsyncClient, username: str, password: str) -> httpx2.Response:
    """Send the login form and give the answer, whatever it is."""
    return await http.post("/v1/auth/login", data={"username": username, "password": password})


async def new_person(
    server: ServerProcess, username: str | None = None, headers: Mapping[str, str] | None = None
) -> Person:
    """Sign a user up (by default under a fresh random name), log in; the caller closes the person.

    `headers` go with every request of the person's REST client.
    """
    name, password = username or fresh_username(), fresh_password()
    server.keep_secret(password)
    http = http_client(server, **(headers or {}))
    try:
        answer = await signup(http, name, password)
        assert answer.status_code == 201, answer.text
        tokens = await login(http, name, password)
        assert tokens.status_code == 200, tokens.text
    except BaseException:
        await http.aclose()
        raise
    person = Person(server, name, password, answer.json(), "", "", http, tokens.json())
    person.use(tokens.json())
    return person


def plain_token(server: ServerProcess) -> str:
    """Sign a user up and log in, from code that is not async; gives the access token."""
    form = {"username": fresh_username(), "password": fresh_password()}
    with httpx2.Client(base_url=server.url, timeout=REQUEST_SECONDS, trust_env=False, verify=_no_tls()) as http:
        assert http.post("/v1/auth/signup", json=form).status_code == httpx2.codes.CREATED
        answer = http.post("/v1/auth/login", data=form)
    assert answer.status_code == httpx2.codes.OK, answer.text
    token = str(answer.json()["access_token"])
    server.keep_secret(token)
    return token

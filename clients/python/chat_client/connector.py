"""Opens connections in the name of a session, and keeps their tokens fresh."""

import asyncio
import ssl

from chat_client.backoff import Backoff
from chat_client.connection import Connection
from chat_client.errors import (
    BadAnswerError,
    ChatApiError,
    ChatClientError,
    ConnectionClosedError,
    ServerUnreachableError,
)
from chat_client.handshake import Credential, Way, open_websocket
from chat_client.link import Sleep
from chat_client.rest import Rest
from chat_client.session import Session


class Connector:
    """Credentials and connections.

    Args:
        way: How the credential travels: `header` for programs, `subprotocol` as browsers do, `ticket` for one use.
        tls: For servers whose certificate the system does not know.
    """

    def __init__(self, session: Session, *, way: Way, tls: ssl.SSLContext | None = None) -> None:
        self._session = session
        self._way = way
        self._tls = tls
        self._used: str | None = None

    async def open(self, refresh: bool) -> Connection:  # noqa: FBT001 - the one thing there is to say
        """Open a connection; `refresh`: the access token that was used last is of no use any more."""
        if refresh:
            token = await self._session.refresh(stale=self._used)
        else:
            token = await self._session.access_token()
        secret = token
        if self._way == "ticket":
            secret = await Rest(self._session).ws_ticket()
            token = await self._session.access_token()
        self._used = token
        socket = await open_websocket(self._session.server, Credential(self._way, secret), tls=self._tls)
        return await Connection.begin(socket, access_token=token)


class TokenRenewal:
    """Answers `token.expiring` on one connection, so that it outlives its access token."""

    def __init__(self, session: Session, *, backoff: Backoff, sleep: Sleep = asyncio.sleep) -> None:
        self._session = session
        self._backoff = backoff
        self._sleep = sleep
        self._expiring = asyncio.Event()

    def expiring(self) -> None:
        """Note that the token of the connection is about to run out."""
        self._expiring.set()

    async def run(self, connection: Connection) -> ChatClientError | None:
        """Renew the token each time it is about to run out, until the connection has ended.

        Returns:
            The error that ends the session, if there is one.
        """
        while True:
            await self._expiring.wait()
            self._expiring.clear()
            try:
                # A token that lives shorter than the server warns ahead is announced at once, each time anew.
                await self._sleep(self._session.half_life_s(connection.access_token))
                await self._renew(connection)
            except ConnectionClosedError:
                return None
            except ChatClientError as error:
                return error

    async def _renew(self, connection: Connection) -> None:
        while True:
            try:
                token = await self._session.refresh(stale=connection.access_token)
                await self._give(connection, token)
            except (ServerUnreachableError, BadAnswerError):
                wait_s = self._backoff.next_s()
            except ChatApiError as error:
                if not error.retryable:
                    raise
                wait_s = error.retry_after_s + self._backoff.next_s()
            else:
                self._backoff.reset()
                return
            await self._sleep(wait_s)

    async def _give(self, connection: Connection, token: str) -> None:
        try:
            await connection.request("token.refresh", {"access_token": token})
        except ChatApiError as error:
            if error.retryable:
                raise
            # Of another session, after a new login. The connection ends with its own token, the next one takes this.
            return
        connection.access_token = token

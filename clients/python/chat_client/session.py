"""One login: signing up, logging in and out, and an access token that is good whenever one is asked for."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import httpx2

from chat_client.errors import ChatApiError, Json, NotLoggedInError, SessionEndedError
from chat_client.http import Http
from chat_client.models import Tokens, User, parsed

_log = logging.getLogger(__name__)

# An access token with less left than this (or a quarter of its life, if that is less) is not used any more: it would
# run out on its way.
_MARGIN_S = 5.0


class TokenStore(Protocol):
    """Keeps the tokens of one login, for the caller: in memory, a file of mode 600, a keyring.

    Called on the event loop, so it must be quick. One `Session` per store: two that refresh at the same moment would
    void each other's tokens.
    """

    def load(self) -> Tokens | None:
        """Return what was saved last; None if nobody is logged in."""
        ...

    def save(self, tokens: Tokens | None) -> None:
        """Replace what is kept, as a whole or not at all; None once the login is over."""
        ...


class MemoryTokenStore:
    """Keeps the tokens as long as it is referred to."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens

    def load(self) -> Tokens | None:
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        self._tokens = tokens


class Session:
    """A login on one server, used by REST calls and connections alike.

    Refreshing is single flight: however many ask, one request goes out, and all get its outcome. The refresh token at
    hand is given up only when its successor has arrived and is saved, so a lost answer costs nothing: the server takes
    a spent refresh token until its successor was used.

    Args:
        server: The address, e.g. `https://chat.example.org`.
        tokens: Where the tokens are kept; by default in memory.
        client: An `httpx2.AsyncClient` to use, which stays the caller's.
        clock: Unix time in seconds, only used to refresh ahead of expiry.
    """

    def __init__(
        self,
        server: str,
        *,
        tokens: TokenStore | None = None,
        client: httpx2.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.http = Http(server, client=client)
        self._store = tokens if tokens is not None else MemoryTokenStore()
        self._clock = clock
        self._refreshing: asyncio.Task[str] | None = None

    @property
    def server(self) -> str:
        """The address of the server, without a slash at its end."""
        return self.http.server

    @property
    def is_logged_in(self) -> bool:
        """Whether there are tokens; whether the server still takes them is known when they are used."""
        return self._store.load() is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; the login and its tokens stay as they are."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        await self.http.aclose()

    async def sign_up(self, username: str, password: str, *, display_name: str | None = None) -> User:
        """Make an account; does not log in."""
        body = {"username": username, "password": password}
        if display_name is not None:
            body["display_name"] = display_name
        return parsed(User.parse, await self.http.request("POST", "/v1/auth/signup", json=body))

    async def log_in(self, username: str, password: str) -> None:
        """Begin a session and keep its tokens."""
        form = {"grant_type": "password", "username": username, "password": password}
        self._save(await self.http.request("POST", "/v1/auth/login", form=form))

    async def log_out(self) -> None:
        """End the session on the server, where its sockets close, and forget the tokens."""
        if not self.is_logged_in:
            return
        try:
            await self.request("POST", "/v1/auth/logout")
        except SessionEndedError:
            pass
        except ChatApiError as error:
            if error.code != "session_revoked":
                raise
        self._store.save(None)

    async def access_token(self) -> str:
        """Return an access token that has not run out by this machine's clock, refreshing if need be."""
        tokens = self._tokens()
        life_s = tokens.access_expires_at - tokens.issued_at
        if tokens.access_expires_at - self._clock() > min(_MARGIN_S, life_s / 4):
            return tokens.access_token
        return await self.refresh(stale=tokens.access_token)

    def half_life_s(self, access_token: str) -> float:
        """Return in how many seconds `access_token` will be half spent; 0 if it is, or is not the current one."""
        tokens = self._tokens()
        if tokens.access_token != access_token:
            return 0.0
        return max(0.0, (tokens.issued_at + tokens.access_expires_at) / 2 - self._clock())

    async def refresh(self, *, stale: str | None = None) -> str:
        """Return an access token other than `stale`, by default than the current one.

        Raises:
            SessionEndedError: the server no longer takes the refresh token; the tokens are forgotten.
            ChatApiError, ServerUnreachableError: it failed for now; nothing is lost.
        """
        if stale is not None and self._tokens().access_token != stale:
            return self._tokens().access_token
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh(), name="chat_client.refresh")
            self._refreshing.add_done_callback(self._refreshed)
        # A caller that is cancelled leaves the request to the others: half-way is the one place not to stop at.
        return await asyncio.shield(self._refreshing)

    async def request(self, method: str, path: str, **options: Any) -> Json:  # noqa: ANN401 - those of Http.request
        """Send a request as the user; an access token that the server finds expired is replaced, once."""
        token = await self.access_token()
        try:
            return await self.http.request(method, path, token=token, **options)
        except ChatApiError as error:
            # `invalid_token` too: the server's keys may have changed, which a refresh token survives.
            if error.status != 401 or error.code not in {"token_expired", "invalid_token"}:  # noqa: PLR2004
                raise
        return await self.http.request(method, path, token=await self.refresh(stale=token), **options)

    def _tokens(self) -> Tokens:
        tokens = self._store.load()
        if tokens is None:
            raise NotLoggedInError("log in first")
        return tokens

    def _save(self, pair: Mapping[str, Any]) -> Tokens:
        now = self._clock()
        tokens = parsed(lambda data: Tokens.parse(data, now=now), pair)
        self._store.save(tokens)
        return tokens

    async def _refresh(self) -> str:
        refresh_token = self._tokens().refresh_token
        try:
            pair = await self.http.request("POST", "/v1/auth/refresh", json={"refresh_token": refresh_token})
        except ChatApiError as error:
            if error.status != 401:  # noqa: PLR2004
                raise
            self._store.save(None)
            raise SessionEndedError(
                error.code, error.detail, status=error.status, request_id=error.request_id
            ) from error
        if self._tokens().refresh_token != refresh_token:
            return self._tokens().access_token  # someone has logged in meanwhile; what came belongs to no one now
        return self._save(pair).access_token

    def _refreshed(self, task: asyncio.Task[str]) -> None:
        self._refreshing = None
        if not task.cancelled() and task.exception() is not None:
            _log.debug("refreshing failed: %s", task.exception())  # and marks it as seen if every caller has gone

"""Tickets: a browser cannot send headers with a WebSocket handshake, and a token in a URL would be in every log."""

from collections.abc import Callable

from api.domain.errors import ChatError, ErrorCode
from api.security import tickets
from api.services.authentication import Authenticator, Principal
from api.store.base import Store
from api.store.sessions import Ticket


class Tickets:
    """Gives out tickets for one handshake each, and takes them back.

    Args:
        store: holds their hashes.
        authenticator: says whether the session behind a ticket still lives.
        clock_ms: the time in milliseconds since the epoch.
        life_seconds: of a ticket.
    """

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        *,
        clock_ms: Callable[[], int],
        life_seconds: int,
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._clock_ms = clock_ms
        self.life_seconds = life_seconds

    async def issue(self, principal: Principal) -> str:
        """Make a ticket for the session and up to the expiry of the token that asks."""
        token = tickets.mint()
        ticket = Ticket(principal.session_id, principal.expires_at_ms, self._clock_ms() + self.life_seconds * 1000)
        await self._store.write(lambda unit: unit.sessions.insert_ticket(token.digest, ticket))
        return token.text

    async def redeem(self, text: str) -> Principal:
        """Take a ticket back, once, whatever becomes of the handshake.

        Raises:
            ChatError: `invalid_ticket`, `token_expired`, `session_revoked`, `account_suspended`.
        """
        digest = tickets.digest(text)
        ticket = None
        if digest is not None:
            ticket = await self._store.write(lambda unit: unit.sessions.take_ticket(digest))
        if ticket is None or ticket.expires_at_ms <= self._clock_ms():
            raise ChatError(ErrorCode.INVALID_TICKET, "The ticket is not valid, or was used; ask for a new one.")
        return await self._authenticator.admit(ticket.session_id, ticket.token_expires_at_ms)

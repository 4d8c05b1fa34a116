"""The handshake: everything that can be wrong is found before the upgrade, and answered over HTTP."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from api.domain.errors import ChatError, ErrorCode
from api.middleware.context import bind_user
from api.middleware.rate_limit import HandshakeLimits
from api.protocol.problems import SPECS
from api.services.authentication import Authenticator, Principal
from api.services.tickets import Tickets
from api.ws.slots import ConnectionSlots

SUBPROTOCOL = "chat.v1"
_BEARER_PREFIX = "bearer."
DRAINING_RETRY_AFTER_MS = 2000
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

REFUSALS: Sequence[tuple[int, ErrorCode]] = sorted(
    [
        (426, ErrorCode.BAD_REQUEST),
        (431, ErrorCode.TOO_LARGE),
        *(
            (SPECS[code].status, code)
            for code in (
                ErrorCode.BAD_REQUEST,
                ErrorCode.MISSING_TOKEN,
                ErrorCode.INVALID_TOKEN,
                ErrorCode.TOKEN_EXPIRED,
                ErrorCode.SESSION_REVOKED,
                ErrorCode.INVALID_TICKET,
                ErrorCode.ORIGIN_NOT_ALLOWED,
                ErrorCode.ACCOUNT_SUSPENDED,
                ErrorCode.RATE_LIMITED,
                ErrorCode.CONNECTION_LIMIT,
                ErrorCode.INTERNAL_ERROR,
                ErrorCode.UNAVAILABLE,
                ErrorCode.DRAINING,
            )
        ),
    ],
    key=lambda refusal: refusal[0],
)
"""What a handshake may be answered with; 426 tells of the version or protocol that is asked for."""

Way = Literal["header", "subprotocol", "ticket"]


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may come in, how the token came, and the subprotocol that is selected."""

    principal: Principal
    way: Way
    subprotocol: str | None


class Handshake:
    """Decide on upgrades.

    Args:
        allowed_origins: as browsers write them: scheme, host, and the port where it is not the default.
        is_draining: tells whether the node is going down.
    """

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        tickets: Tickets,
        slots: ConnectionSlots,
        limits: HandshakeLimits,
        allowed_origins: Sequence[str],
        is_draining: Callable[[], bool],
    ) -> None:
        self._authenticator = authenticator
        self._tickets = tickets
        self._slots = slots
        self._limits = limits
        self._allowed_origins = frozenset(allowed_origins)
        self._is_draining = is_draining

    async def admit(self, websocket: WebSocket) -> Admission:
        """Let a client in, or say why not.

        Raises:
            ChatError: the refusal; nothing was accepted.
        """
        check_way_in(websocket, self._allowed_origins, is_draining=self._is_draining())
        self._limits.check(websocket.client.host if websocket.client else "")
        offered = websocket.scope.get("subprotocols") or []
        if offered and SUBPROTOCOL not in offered:
            raise ChatError(ErrorCode.BAD_REQUEST, f"Offer the subprotocol {SUBPROTOCOL}.")
        self._slots.check(None)
        try:
            principal, way = await self._authenticate(websocket, offered)
        except ChatError as error:
            if error.user_id is not None:
                bind_user(error.user_id)
            raise
        bind_user(principal.user.id)
        self._slots.check(principal.user.id)
        return Admission(principal, way, SUBPROTOCOL if offered else None)

    async def _authenticate(self, websocket: WebSocket, offered: Sequence[str]) -> tuple[Principal, Way]:
        scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._authenticator.authenticate(token.strip()), "header"
        for protocol in offered:
            if protocol.startswith(_BEARER_PREFIX):
                return await self._authenticator.authenticate(protocol.removeprefix(_BEARER_PREFIX)), "subprotocol"
        ticket = websocket.query_params.get("ticket")
        if ticket is not None:
            return await self._tickets.redeem(ticket), "ticket"
        return await self._authenticator.authenticate(None), "header"


def check_way_in(connection: HTTPConnection, allowed_origins: Collection[str], *, is_draining: bool) -> None:
    """Refuse what no token can make good.

    Raises:
        ChatError: `draining`, `origin_not_allowed`.
    """
    if is_draining:
        raise ChatError(ErrorCode.DRAINING, "This server is going down.", retry_after_ms=DRAINING_RETRY_AFTER_MS)
    origins = connection.headers.getlist("origin")
    # No Origin, no browser: the rule guards people from pages, not the server from programs.
    if origins and not (len(origins) == 1 and _is_allowed(origins[0], connection, allowed_origins)):
        raise ChatError(ErrorCode.ORIGIN_NOT_ALLOWED, "Pages of this origin may not connect.")


def _is_allowed(origin: str, connection: HTTPConnection, allowed_origins: Collection[str]) -> bool:
    if origin in allowed_origins:
        return True
    scheme = "https" if connection.scope["scheme"] in {"wss", "https"} else "http"
    here = _site(f"{scheme}://{connection.headers.get('host', '')}")
    return here is not None and _site(origin) == here


def _site(origin: str) -> tuple[str, str, int] | None:
    """Take an origin apart (RFC 6454 §4); None for what is none."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or parts.path or parts.query or parts.fragment or parts.username:
        return None
    return parts.scheme, parts.hostname, port

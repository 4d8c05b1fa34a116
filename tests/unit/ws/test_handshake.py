"""Who is let in, and from which pages."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection
from starlette.types import Message
from starlette.websockets import WebSocket

from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.middleware.rate_limit import HandshakeLimits
from api.services.authentication import Principal
from api.services.tickets import Tickets
from api.ws.handshake import Handshake, check_way_in
from api.ws.slots import ConnectionSlots
from tests.unit.ws.desk import Desk

LISTED = ["https://chat.example.org", "http://localhost:3000"]


def connection(host: str | None, *origins: str, scheme: str = "ws") -> HTTPConnection:
    headers = [(b"origin", origin.encode()) for origin in origins]
    if host is not None:
        headers.append((b"host", host.encode()))
    return HTTPConnection({"type": "websocket", "scheme": scheme, "headers": headers})


def is_let_in(asked: HTTPConnection) -> bool:
    try:
        check_way_in(asked, LISTED, is_draining=False)
    except ChatError as refused:
        return refused.code is not ErrorCode.ORIGIN_NOT_ALLOWED
    return True


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("ws", "chat.test", "http://chat.test"),
        ("ws", "chat.test:80", "http://chat.test"),
        ("ws", "chat.test", "http://chat.test:80"),
        ("ws", "CHAT.test", "http://chat.TEST"),
        ("ws", "chat.test:8000", "http://chat.test:8000"),
        ("wss", "chat.test", "https://chat.test"),
        ("wss", "chat.test:443", "https://chat.test"),
        ("https", "chat.test", "https://chat.test"),
        ("http", "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("ws", "[::1]:8000", "http://[::1]:8000"),
        ("ws", "anything", "https://chat.example.org"),
        ("wss", "anything", "http://localhost:3000"),
    ],
)
def test_pages_of_this_host_and_of_the_list_may_connect(scheme: str, host: str, origin: str) -> None:
    assert is_let_in(connection(host, origin, scheme=scheme))


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("ws", "chat.test", "https://chat.test"),
        ("wss", "chat.test", "http://chat.test"),
        ("ws", "chat.test", "http://chat.test:8000"),
        ("ws", "chat.test:8000", "http://chat.test"),
        ("ws", "chat.test", "http://evil.test"),
        ("ws", "chat.test", "http://sub.chat.test"),
        ("ws", "chat.test", "http://chat.test.evil.test"),
        ("ws", "chat.test", "http://chat.test@evil.test"),
        ("ws", "chat.test", "http://evil.test#chat.test"),
        ("ws", "chat.test", "http://chat.test/"),
        ("ws", "chat.test", "http://chat.test?x"),
        ("ws", "chat.test", "null"),
        ("ws", "chat.test", ""),
        ("ws", "chat.test", "chat.test"),
        ("ws", "chat.test", "http://"),
        ("ws", "chat.test", "http://chat.test:port"),
        ("ws", "chat.test", "http://chat.test:99999"),
        ("ws", "chat.test", "http://[::1"),
        ("ws", "chat.test", "file://"),
        ("ws", "chat.test", "https://chat.example.org:444"),
        ("ws", "chat.test", "https://CHAT.example.org/"),
        ("ws", "chat.test", "http://localhost:3000, http://chat.test"),
    ],
)
def test_others_may_not(scheme: str, host: str, origin: str) -> None:
    assert not is_let_in(connection(host, origin, scheme=scheme))


def test_a_program_sends_no_origin_and_is_let_in() -> None:
    assert is_let_in(connection("chat.test"))


def test_two_origins_are_none() -> None:
    assert not is_let_in(connection("chat.test", "http://chat.test", "http://chat.test"))


def test_without_a_host_only_the_list_counts() -> None:
    assert not is_let_in(connection(None, "http://chat.test"))
    assert not is_let_in(connection(None, "http://"))
    assert is_let_in(connection(None, LISTED[0]))


def test_a_draining_node_lets_nobody_in() -> None:
    with pytest.raises(ChatError) as refused:
        check_way_in(connection("chat.test"), LISTED, is_draining=True)
    assert refused.value.code is ErrorCode.DRAINING
    assert refused.value.retry_after_ms


class Door:
    """A handshake, and tokens to knock with."""

    def __init__(self, desk: Desk, *, limit: str | None = None, per_user_max: int = 10) -> None:
        self.desk = desk
        self.slots = ConnectionSlots(total_max=100, per_user_max=per_user_max)
        self.tickets = Tickets(desk.scene.store, desk.authenticator, clock_ms=desk.scene.clock, life_seconds=30)
        self._handshake = Handshake(
            authenticator=desk.authenticator,
            tickets=self.tickets,
            slots=self.slots,
            limits=HandshakeLimits(limit, stats=NodeStats()),
            allowed_origins=(),
            is_draining=lambda: False,
        )

    async def token(self) -> str:
        return self.desk.tokens.issue(self.desk.ada.id, await self.desk.session(self.desk.ada))[0]

    async def ticket(self) -> str:
        principal = Principal(
            self.desk.ada, await self.desk.session(self.desk.ada), self.desk.scene.clock.now_ms + 9000
        )
        return await self.tickets.issue(principal)

    async def knock(
        self, *, authorization: str | None = None, protocols: tuple[str, ...] = (), query: str = ""
    ) -> tuple[str, str | None]:
        """Give the way in and the subprotocol, or the code of the refusal."""
        headers = [] if authorization is None else [(b"authorization", authorization.encode())]
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "path": "/v1/ws",
            "headers": headers,
            "subprotocols": list(protocols),
            "query_string": query.encode(),
            "client": ("192.0.2.1", 5),
        }
        try:
            admission = await self._handshake.admit(WebSocket(scope, _receive, _send))
        except ChatError as refused:
            return refused.code.value, None
        assert admission.principal.user == self.desk.ada
        return admission.way, admission.subprotocol


async def _receive() -> Message:
    raise AssertionError("a handshake is decided before anything is received")


async def _send(_message: Message) -> None:
    raise AssertionError("a handshake is decided before anything is sent")


async def test_there_are_three_ways_in(desk: Desk) -> None:
    door = Door(desk)
    token = await door.token()
    assert await door.knock(authorization=f"Bearer {token}") == ("header", None)
    assert await door.knock(authorization=f"bearer  {token}") == ("header", None)
    assert await door.knock(protocols=("chat.v1", f"bearer.{token}")) == ("subprotocol", "chat.v1")
    assert await door.knock(protocols=(f"bearer.{token}", "chat.v1", "other")) == ("subprotocol", "chat.v1")
    assert await door.knock(query=f"ticket={await door.ticket()}") == ("ticket", None)
    assert await door.knock(protocols=("chat.v1",), query=f"ticket={await door.ticket()}") == ("ticket", "chat.v1")


async def test_the_first_credential_that_is_there_decides(desk: Desk) -> None:
    door = Door(desk)
    token, ticket = await door.token(), await door.ticket()
    good = (f"Bearer {token}", ("chat.v1", f"bearer.{token}"), f"ticket={ticket}")
    assert await door.knock(authorization="Bearer junk", protocols=good[1], query=good[2]) == ("invalid_token", None)
    assert await door.knock(protocols=("chat.v1", "bearer.junk"), query=good[2]) == ("invalid_token", None)
    assert await door.knock(authorization=good[0], protocols=("chat.v1", "bearer.junk"), query="ticket=junk") == (
        "header",
        "chat.v1",
    )
    assert await door.knock(query=good[2]) == ("ticket", None), "it was not spent by a way that did not need it"


async def test_nothing_else_is_a_credential(desk: Desk) -> None:
    door = Door(desk)
    token = await door.token()
    for query in ("", f"token={token}", f"access_token={token}", f"bearer={token}"):
        assert await door.knock(query=query) == ("missing_token", None)
    assert await door.knock(authorization=f"Basic {token}") == ("missing_token", None)
    assert await door.knock(authorization=f"Bearer {await door.ticket()}") == ("invalid_token", None)


async def test_a_protocol_that_is_not_ours_is_refused(desk: Desk) -> None:
    door = Door(desk)
    token = await door.token()
    assert await door.knock(authorization=f"Bearer {token}", protocols=("chat.v2",)) == ("bad_request", None)
    assert await door.knock(protocols=(f"bearer.{token}",)) == ("bad_request", None)


async def test_a_ticket_is_good_once_and_for_its_time(desk: Desk) -> None:
    door = Door(desk)
    ticket = await door.ticket()
    assert await door.knock(query=f"ticket={ticket}") == ("ticket", None)
    assert await door.knock(query=f"ticket={ticket}") == ("invalid_ticket", None)
    assert await door.knock(query="ticket=") == ("invalid_ticket", None)
    late = await door.ticket()
    desk.scene.clock.advance(31)
    assert await door.knock(query=f"ticket={late}") == ("invalid_ticket", None)


async def test_limits_are_looked_at_before_credentials(desk: Desk) -> None:
    door = Door(desk, limit="2/minute")
    assert [(await door.knock())[0] for _ in range(3)] == ["missing_token", "missing_token", "rate_limited"]


async def test_a_user_may_have_so_many_and_the_refusal_takes_no_place(desk: Desk) -> None:
    door = Door(desk, per_user_max=1)
    token = await door.token()
    with door.slots.take(desk.ada.id):
        for _ in range(3):
            assert await door.knock(authorization=f"Bearer {token}") == ("connection_limit", None)
    assert await door.knock(authorization=f"Bearer {token}") == ("header", None)

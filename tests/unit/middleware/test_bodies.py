"""A body is read before its route runs, and up to a limit."""

from __future__ import annotations

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from api.middleware.bodies import BodyLimitMiddleware
from tests.unit.middleware.asgi import http_scope

BYTES_MAX = 10


class Reading:
    """An application that reads on until there is nothing more to hear."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, then answer."""
        while not self.heard or self.heard[-1]["type"] != "http.disconnect":
            self.heard.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})


class Client:
    """Sends a body in these parts, then hangs up; counts what was asked of it."""

    def __init__(self, *parts: bytes) -> None:
        self.asked = 0
        self.answered: list[Message] = []
        self._messages: list[Message] = [
            {"type": "http.request", "body": part, "more_body": number < len(parts)}
            for number, part in enumerate(parts, 1)
        ]

    async def receive(self) -> Message:
        """Give the next part."""
        self.asked += 1
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take the answer."""
        self.answered.append(message)

    async def ask(self, app: Reading, **headers: str) -> int:
        """Send the request; give the status of the answer."""
        await BodyLimitMiddleware(app, BYTES_MAX)(http_scope(headers=headers), self.receive, self.send)
        return int(self.answered[0]["status"])


@pytest.mark.parametrize("parts", [[b""], [b"0123456789"], [b"012", b"", b"3456789"], [b"01234", b"56789", b""]])
async def test_a_body_up_to_the_limit_comes_in_one_piece_and_then_what_comes_behind_it(parts: list[bytes]) -> None:
    app = Reading()
    assert await Client(*parts).ask(app) == 200
    assert app.heard == [
        {"type": "http.request", "body": b"".join(parts), "more_body": False},
        {"type": "http.disconnect"},
    ]


@pytest.mark.parametrize("parts", [[b"0123456789a"], [b"0123456789", b"a"], [b"01", b"0123456789", b"never read"]])
async def test_one_byte_more_is_refused_and_no_more_is_read(parts: list[bytes]) -> None:
    app, client = Reading(), Client(*parts)
    assert await client.ask(app) == 413
    assert app.heard == [], "the route hears nothing of it"
    assert client.asked <= 2
    document = orjson.loads(client.answered[1]["body"])
    assert (document["code"], document["status"]) == ("too_large", 413)
    assert str(BYTES_MAX) in document["detail"]


async def test_a_length_that_is_declared_too_large_is_refused_before_anything_is_read() -> None:
    app, client = Reading(), Client(b"x")
    assert await client.ask(app, **{"Content-Length": "11"}) == 413
    assert client.asked == 0
    assert app.heard == []


@pytest.mark.parametrize("declared", ["10", "0", "-1", "a lot", ""])
async def test_a_declared_length_lets_nothing_in(declared: str) -> None:
    assert await Client(b"0123456789").ask(Reading(), **{"Content-Length": declared}) == 200
    assert await Client(b"0123456789a").ask(Reading(), **{"Content-Length": declared}) == 413


async def test_who_hangs_up_within_his_body_leaves_what_came() -> None:
    app, client = Reading(), Client()
    assert await client.ask(app) == 200
    assert app.heard[0] == {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_sockets_and_the_lifespan_pass_by(kind: str) -> None:
    app, client = Reading(), Client(b"x" * 100)
    await BodyLimitMiddleware(app, BYTES_MAX)(http_scope() | {"type": kind}, client.receive, client.send)
    assert app.heard[0]["body"] == b"x" * 100

"""Bodies are read whole, within their bounds, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.domain.errors import ChatError, ErrorCode
from api.middleware.bodies import BodyLimitMiddleware
from tests.unit.middleware.asgi import headers_of, http_scope

GONE: Message = {"type": "http.disconnect"}


class Reader:
    """An application that reads its body and answers 200."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        assert not message["more_body"]
        self.bodies.append(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})


async def exchange(
    messages: Iterable[Message],
    app: ASGIApp,
    *,
    headers: dict[str, str] | None = None,
    seconds_max: float = 5,
    kind: str = "http",
) -> list[Message]:
    """Let these messages come, then nothing more; give what was answered."""
    coming = iter(messages)
    answered: list[Message] = []

    async def receive() -> Message:
        for message in coming:
            return message
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: Message) -> None:
        answered.append(message)

    limited = BodyLimitMiddleware(app, bytes_max=10, seconds_max=seconds_max)
    await limited(http_scope(headers=headers) | {"type": kind}, receive, send)
    return answered


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def problem(answered: list[Message]) -> dict[str, Any]:
    document = json.loads(b"".join(message.get("body", b"") for message in answered))
    assert isinstance(document, dict)
    assert document["status"] == answered[0]["status"]
    return document


@pytest.mark.parametrize("parts", [[b""], [b"0123456789"], [b"012", b"", b"3456789"], [b"01234", b"56789", b""]])
async def test_a_body_up_to_the_limit_reaches_the_route_in_one_piece(parts: list[bytes]) -> None:
    app = Reader()
    messages = [part(one, more=number < len(parts)) for number, one in enumerate(parts, 1)]
    answered = await exchange(messages, app)
    assert app.bodies == [b"".join(parts)]
    assert answered[0]["status"] == 200


async def test_behind_the_body_the_route_hears_what_comes() -> None:
    heard: list[Message] = []

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([await receive(), await receive()])
        await Reader()(scope, _nothing, send)

    await exchange([part(b"x", more=False), GONE], listen)
    assert heard == [part(b"x", more=False), GONE]


async def _nothing() -> Message:
    return part(b"", more=False)


@pytest.mark.parametrize("declared", ["10", "0", "-1", "a lot", "", "0" * 5000 + "1", "\N{SUPERSCRIPT TWO}"])
async def test_a_declared_length_lets_nothing_in(declared: str) -> None:
    headers = {"Content-Length": declared}
    assert (await exchange([part(b"0123456789", more=False)], Reader(), headers=headers))[0]["status"] == 200
    assert (await exchange([part(b"0123456789a", more=False)], Reader(), headers=headers))[0]["status"] == 413


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_sockets_and_the_lifespan_pass_by(kind: str) -> None:
    app = Reader()
    await exchange([part(b"x" * 100, more=False)], app, kind=kind)
    assert app.bodies == [b"x" * 100]


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"0123456789a", more=False)],
        [part(b"0123456789"), part(b"a", more=False)],
        [part(b"01"), part(b"0123456789"), part(b"never asked for")],
    ],
)
async def test_one_byte_more_is_refused_before_the_route_hears_of_it(messages: list[Message]) -> None:
    app = Reader()
    answered = await exchange(messages, app)
    assert (problem(answered)["status"], problem(answered)["code"]) == (413, "too_large")
    assert "10 bytes" in problem(answered)["detail"]
    assert headers_of(answered)["connection"] == "close"
    assert app.bodies == []


@pytest.mark.parametrize("declared", ["11", "0" * 5000 + "11", "9" * 5000])
async def test_a_length_that_is_declared_too_large_is_refused_before_anything_is_read(declared: str) -> None:
    app = Reader()
    answered = await exchange([], app, headers={"Content-Length": declared}, seconds_max=0)
    assert (problem(answered)["status"], problem(answered)["code"]) == (413, "too_large")
    assert app.bodies == []


async def test_a_body_that_takes_too_long_is_refused_and_the_connection_ends() -> None:
    app = Reader()
    async with asyncio.timeout(5):
        answered = await exchange([part(b"0"), part(b"1")], app, seconds_max=0.01)
    assert (problem(answered)["status"], problem(answered)["code"]) == (408, "bad_request")
    assert headers_of(answered)["connection"] == "close"
    assert app.bodies == []


async def test_a_client_that_leaves_in_the_middle_of_its_body_has_asked_for_nothing() -> None:
    app = Reader()
    assert await exchange([part(b'{"a":1}'), GONE], app) == []
    assert app.bodies == []


async def test_what_the_server_has_against_a_body_is_answered() -> None:
    app = Reader()
    answered: list[Message] = []

    async def receive() -> Message:
        raise ChatError(ErrorCode.DRAINING, "This node is going down.")

    async def send(message: Message) -> None:
        answered.append(message)

    await BodyLimitMiddleware(app, bytes_max=10, seconds_max=5)(http_scope(), receive, send)
    assert (problem(answered)["status"], problem(answered)["code"]) == (503, "draining")
    assert headers_of(answered)["connection"] == "close"
    assert app.bodies == []

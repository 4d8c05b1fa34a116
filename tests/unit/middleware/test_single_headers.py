"""A header that two readers could read differently is there once, or the request is refused."""

from __future__ import annotations

import orjson
import pytest

from api.middleware.single_headers import SingleHeadersMiddleware
from tests.unit.middleware.asgi import Answering, ask, headers_of, http_scope


@pytest.mark.parametrize("name", [b"authorization", b"idempotency-key"])
@pytest.mark.parametrize("values", [(b"a", b"b"), (b"a", b"a"), (b"", b"a")])
async def test_one_that_is_there_twice_is_refused_whatever_the_two_say(name: bytes, values: tuple[bytes, ...]) -> None:
    app = Answering()
    scope = http_scope() | {"headers": [(b"x-other", b"1"), *((name, value) for value in values)]}
    answered = await ask(SingleHeadersMiddleware(app), scope)
    assert answered[0]["status"] == 400
    assert headers_of(answered)["content-type"] == "application/problem+json"
    assert orjson.loads(answered[1]["body"])["code"] == "bad_request"
    assert app.scopes == []


async def test_others_may_be_there_twice_and_these_once() -> None:
    once = [(b"authorization", b"a"), (b"idempotency-key", b"b")]
    scope = http_scope() | {"headers": [*once, (b"accept", b"a"), (b"accept", b"b")]}
    assert (await ask(SingleHeadersMiddleware(Answering()), scope))[0]["status"] == 200


async def test_what_has_no_headers_passes() -> None:
    app = Answering({"type": "lifespan.startup.complete"})
    assert len(await ask(SingleHeadersMiddleware(app), {"type": "lifespan"})) == 1

"""Whatever comes in the headers that are read here: it is understood, or refused over HTTP, and never echoed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import strategies as st
from starlette.types import Message

from tests.search.properties import ANY_TEXT, LONG, QUICK, search
from tests.support.inside import Inside, Insider, open_inside
from tests.support.raw import handshake
from tests.support.server import ServerProcess

HEADER = (
    st.binary(max_size=100)
    | ANY_TEXT.map(lambda text: text.encode(errors="surrogatepass"))
    | st.text("Bearebasic.:,= \t\u00e9", max_size=30).map(str.encode)
)
"""Any bytes: what a server lets through is its own matter."""
SCHEMES = st.sampled_from([b"Bearer ", b"bearer ", b"BEARER  ", b"Bearer", b"Bearer\t", b"Basic ", b" Bearer ", b""])
REQUEST_IDS = HEADER | st.text("aZ09._- \n", max_size=66).map(str.encode)
KEYS = HEADER | st.text("!~aZ09 \u00e9", max_size=66).map(lambda text: text.encode("latin-1"))
PROTOCOLS = st.lists(st.sampled_from(["chat.v1", "bearer.", "bearer.a.b.c", "chat.v2", ""]) | ANY_TEXT, max_size=4)
QUERIES = HEADER | st.sampled_from(
    [b"ticket=", b"ticket=%00", b"ticket=%", b"ticket=a&ticket=b", b"ticket=" + b"a" * 43]
)


class Door:
    """An application, somebody with a token, and a room to talk in."""

    def __init__(self, inside: Inside, runner: asyncio.Runner) -> None:
        self._inside = inside
        self._runner = runner
        self.ada: Insider = runner.run(inside.person())
        self.room_id: str = runner.run(self.ada.make_room())

    def ask(
        self, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b""
    ) -> tuple[int, Any, dict[str, str]]:
        """Send a request; give the status, the document, and the headers."""
        scope = {"type": "http", "method": method, "path": path, "query_string": b""}
        messages = self._runner.run(self._send({**scope, "headers": headers}, body))
        start = messages[0]
        document = json.loads(messages[1]["body"])
        return start["status"], document, {name.decode(): value.decode() for name, value in start["headers"]}

    def knock(self, headers: list[tuple[bytes, bytes]], protocols: list[str], query: bytes) -> list[Message]:
        """Ask for an upgrade."""
        scope = {"type": "websocket", "path": "/v1/ws", "query_string": query, "subprotocols": protocols}
        extensions: dict[str, object] = {"websocket.http.response": {}}
        return self._runner.run(self._send({**scope, "headers": headers, "extensions": extensions}, b""))

    async def _send(self, scope: dict[str, Any], body: bytes) -> list[Message]:
        messages: list[Message] = []
        is_http = scope["type"] == "http"
        whole = {"http_version": "1.1", "scheme": "http" if is_http else "ws", "server": ("testserver", 80)}
        scope["headers"] = [(b"host", b"testserver"), *scope["headers"]]
        whole |= {"client": ("192.0.2.1", 5), "root_path": "", "raw_path": scope["path"].encode(), **scope}

        async def receive() -> Message:
            return {"type": "http.request", "body": body} if is_http else {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            messages.append(message)

        await self._inside.app(whole, receive, send)
        return messages


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Open one application for all tests of this file."""
    with asyncio.Runner() as runner:
        opening = open_inside(tmp_path_factory.mktemp("headers"))
        yield Door(runner.run(opening.__aenter__()), runner)
        runner.run(opening.__aexit__(None, None, None))


def authorized_or_refused(door: Door, value: bytes) -> None:
    """Know nobody by a value that is not our token."""
    status, document, headers = door.ask("GET", "/v1/users/me", [(b"authorization", value)])
    assert status == 401, document
    assert document["code"] in {"missing_token", "invalid_token"}
    assert headers["www-authenticate"] == "Bearer"
    assert _is_silent(value, document)
    refusal = door.knock([(b"authorization", value)], [], b"")
    assert refusal[0]["status"] == 401
    assert json.loads(refusal[1]["body"])["code"] in {"missing_token", "invalid_token"}


def named_or_renamed(door: Door, value: bytes) -> None:
    """Give a request its own id if it may be one, else a new one."""
    token = door.ada.token.encode()
    status, _document, headers = door.ask(
        "GET", "/v1/users/me", [(b"x-request-id", value), (b"authorization", b"Bearer " + token)]
    )
    assert status == 200
    is_fit = re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", value) is not None
    assert (headers["x-request-id"].encode("latin-1") == value) == is_fit
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", headers["x-request-id"])


def keyed_or_refused(door: Door, value: bytes) -> None:
    """Take a key, or refuse the message."""
    headers = [(b"idempotency-key", value), (b"authorization", b"Bearer " + door.ada.token.encode())]
    headers.append((b"content-type", b"application/json"))
    path = f"/v1/rooms/{door.room_id}/messages"
    status, document, _headers = door.ask("POST", path, headers, b'{"body": "hello"}')
    if re.fullmatch(rb"[!-~]{1,64}", value):
        assert status in {200, 201}, document
        assert document["idempotency_key"].encode() == value
    else:
        assert (status, document["code"]) == (422, "validation_error")
        assert _is_silent(value, document)


def offered_or_refused(door: Door, offer: tuple[list[str], bytes]) -> None:
    """Let nobody in by protocols and queries that hold nothing of ours."""
    protocols, query = offer
    refusal = door.knock([], protocols, query)
    assert refusal[0]["type"] == "websocket.http.response.start", refusal
    document = json.loads(refusal[1]["body"])
    expected = {"missing_token", "invalid_token", "invalid_ticket"}
    if protocols and "chat.v1" not in protocols:
        expected = {"bad_request"}
    assert document["code"] in expected, document


def _is_silent(value: bytes, document: dict[str, Any]) -> bool:
    text = value.strip().decode("latin-1")
    return len(text) < 12 or text not in json.dumps(document, ensure_ascii=False)


CASES: Final[dict[str, tuple[st.SearchStrategy[Any], Callable[[Door, Any], None]]]] = {
    "Authorization": (st.tuples(SCHEMES, HEADER).map(b"".join), authorized_or_refused),
    "X-Request-ID": (REQUEST_IDS, named_or_renamed),
    "Idempotency-Key": (KEYS, keyed_or_refused),
    "Sec-WebSocket-Protocol and ?ticket=": (st.tuples(PROTOCOLS, QUERIES), offered_or_refused),
}


@pytest.mark.parametrize("case", CASES)
def test_a_header_is_understood_or_refused(door: Door, case: str) -> None:
    strategy, holds = CASES[case]
    search(strategy, lambda value: holds(door, value), QUICK)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES)
def test_a_header_is_understood_or_refused_for_longer(door: Door, case: str) -> None:
    strategy, holds = CASES[case]
    search(strategy, lambda value: holds(door, value), LONG // 4)


@pytest.mark.parametrize("separator", [",", ", ", " ,\t", ",,", ";", " "])
async def test_a_list_of_protocols_is_read_however_it_is_written(server: ServerProcess, separator: str) -> None:
    for names in (
        ["chat.v1", "bearer.x"],
        ["bearer.x", "chat.v1"],
        ["chat.v1"],
        ["x"] * 90,
        ["", ""],
        ["chat.v1" * 99],
    ):
        answer = await handshake(server, ("Sec-WebSocket-Protocol", separator.join(names)))
        assert answer.status_code in {400, 401}, answer.text
        assert answer.json()["code"] in {"bad_request", "missing_token", "invalid_token"}

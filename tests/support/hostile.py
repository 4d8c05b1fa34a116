"""Hostile traffic without end, the same for the same seed: what could break a log line, and secrets in wrong places."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.support.raw import Opcode, encode_frame
from tests.support.server import CANARY

TEXTS: Final = (
    '"}\n{"event": "forged.line", "level": "error"}',
    "\r\n2026-11-22 00:00:00 [error] forged.line",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mforged.line",
    "\u2028forged.line\u2029\x85\x9b31m",
    "\u202eforged.line\u2066\ufeff",
    "\x00\x08\x7f forged.line",
    "%s %(event)s {event} {0.__class__} ${jndi:ldap://x} $(id) `id`",
    '\\u000aforged.line\\n"\\',
    "\udce9\ud800 forged.line",
    "\U000e0041\U0010ffff" * 200,
    "forged.line " * 1_000,
)
# What may stand in no line as it is: controls, line separators, marks that reorder, surrogates.
RAW: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

_PATHS: Final = (
    *("/v1/users/me", "/v1/rooms", "/v1/auth/sessions", "/v1/auth/signup", "/v1/auth/refresh", "/v1/users", "/v1/ws"),
    *("/healthz", "/metrics", "/docs", "/openapi.json", "/v1/rooms/01a20480-3f75-70be-b39d-34f8c5d9c52e/messages"),
)
_METHODS: Final = ("GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND")
_HEADERS: Final = ("User-Agent", "Origin", "X-Request-ID", "X-Forwarded-For", "Referer", "Accept", "Idempotency-Key")
# Headers that no log may repeat, whatever is in them.
_SECRET_HEADERS: Final = ("Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key")
_COMMANDS: Final = ("message.send", "message.edit", "history.get", "read.mark", "typing.set", "token.refresh", "ping")


class Hostility:
    """One hostile client.

    Args:
        seed: of all that it does.
        tokens: real ones, which it puts wherever they do not belong.
        room_id: of a room that it may write to.
    """

    def __init__(self, seed: int, tokens: Sequence[str], room_id: str) -> None:
        self._random = random.Random(seed)
        self._tokens = tokens
        self._room_id = room_id

    def text(self) -> str:
        """Make a text that no field should have."""
        pick = self._random
        kinds: Sequence[Callable[[], str]] = (
            lambda: pick.choice(TEXTS),
            lambda: "".join(
                chr(pick.choice((*range(0xA0), *range(0x2000, 0x2070), 0xD800, 0xDFFF))) for _ in range(30)
            ),
            lambda: pick.randbytes(pick.randrange(1, 60)).decode("latin-1"),
            lambda: pick.choice(self._tokens),
            lambda: f"{pick.choice(TEXTS[:8])} {pick.choice(self._tokens)} {pick.choice(TEXTS[:8])}",
            lambda: "x" * pick.choice((255, 256, 257, 4_000)),
        )
        return pick.choice(kinds)()

    def secret(self) -> str:
        """Make what a client keeps to itself: a password, a body, a query, a token."""
        return self._random.choice((f"{CANARY} {self._random.random()}", f"{CANARY}{self.text()}", *self._tokens))

    def requests(self, count: int) -> bytes:
        """Write requests that are HTTP, for one connection, which the last one ends."""
        return b"".join(self._request(is_last=number == count - 1) for number in range(count))

    def garbage(self) -> bytes:
        """Write what is no HTTP, or breaks off."""
        pick = self._random
        line = b"GET " + self._target()
        return pick.choice(
            (
                pick.randbytes(200),
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + pick.randbytes(100),
                line + b" HTTP/1.1\r\nHost: x\r\nX-Bad: " + self.text().encode("utf-8", "replace") + b"\r\n\r\n",
                line + b" HTTP/9.9\r\n\r\n",
                line + b"\r\n" + self.secret().encode("utf-8", "replace") + b"\r\n\r\n",
                b"GET /v1/ws?ticket=" + self.secret().encode("utf-8", "replace") + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + self.secret().encode("utf-8", "replace"),
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + pick.randbytes(20),
            )
        )

    def handshake(self) -> tuple[str, list[tuple[str, str]]]:
        """Make the target and the headers of an upgrade that is refused."""
        pick = self._random
        credential = _visible(self.secret())
        headers = [(name, _visible(self.text())) for name in pick.sample(_HEADERS, 3)]
        headers += pick.choice(
            (
                [("Authorization", f"Bearer {credential}x")],
                [("Sec-WebSocket-Protocol", f"chat.v1, bearer.{credential}x")],
                [("Cookie", f"token={credential}"), ("Sec-WebSocket-Extensions", credential)],
                [],
            )
        )
        paths = (
            "/v1/ws",
            f"/v1/ws?ticket={_quoted(self.secret())}x",
            f"/v1/ws?{CANARY}=1&token={pick.choice(self._tokens)}",
        )
        return pick.choice((*paths, self._target().decode())), headers

    def frames(self, count: int) -> bytes:
        """Write frames: commands that are refused, texts that are no commands, binary ones; then a strange goodbye."""
        made = b"".join(self._frame() for _ in range(count))
        code = self._random.choice((1000, 1001, 3000, 4003, 4500, 4999)).to_bytes(2, "big")
        return made + encode_frame(
            Opcode.CLOSE, code + self.text().encode("utf-8", "ignore")[:100].decode(errors="ignore").encode()
        )

    def account(self) -> dict[str, str]:
        """Make what is sent to log in or sign up."""
        return {"username": f"{self.text()}\n", "password": f"{CANARY} {self._random.random()}"}

    def _frame(self) -> bytes:
        pick = self._random
        fields: dict[str, Any] = {"type": pick.choice(_COMMANDS), "id": pick.choice(("c1", self.text()))}
        fields |= {"room_id": pick.choice((self._room_id, self.text())), "body": self.secret()}
        kind = pick.randrange(10)
        if kind == 0:
            return encode_frame(Opcode.BINARY, self.secret().encode("utf-8", "replace"))
        if kind == 1:
            return encode_frame(Opcode.TEXT, self.secret().encode("utf-8", "replace"))
        if kind == 2:
            fields = {"type": self.text(), "id": self.text(), self.text(): self.secret()}
        if kind == 3:
            fields = {"type": "token.refresh", "id": "c1", "access_token": self.secret()}
        if kind > 4:
            fields = {"type": "message.send", "id": "c1", "room_id": self._room_id, "body": self.secret()[:200]}
        return encode_frame(Opcode.TEXT, json.dumps(fields).encode())

    def _request(self, *, is_last: bool) -> bytes:
        pick = self._random
        lines = [f"{pick.choice(_METHODS)} ".encode() + self._target() + b" HTTP/1.1", b"Host: 127.0.0.1"]
        lines += [f"{name}: ".encode() + _header(self.text()) for name in pick.sample(_HEADERS, 3)]
        lines += [f"{pick.choice(_SECRET_HEADERS)}: Bearer ".encode() + _header(self.secret())]
        body = b""
        if pick.random() < 0.5:
            body = self._body()
            kind = pick.choice((b"application/json", b"application/x-www-form-urlencoded", _header(self.text())))
            lines += [b"Content-Type: " + kind, f"Content-Length: {len(body)}".encode()]
        if is_last:
            lines.append(b"Connection: close")
        return b"\r\n".join([*lines, b"", body])

    def _target(self) -> bytes:
        pick = self._random
        hostile = _quoted(self.text())
        path = pick.choice(
            (
                pick.choice(_PATHS),
                f"/v1/rooms/{hostile}/messages",
                f"/{hostile}",
                f"/v1/ws/{pick.choice(self._tokens)}",
                f"/v1/rooms%3Fticket={_quoted(self.secret())}",  # a query string in disguise
                f"/v1/users;token={_quoted(self.secret())}",
            )
        )
        query = (
            f"?{pick.choice(('ticket', 'token', 'username', CANARY))}={_quoted(self.secret())}"
            if pick.random() < 0.7
            else ""
        )
        return f"{path}{query}".encode()[:4_000]

    def _body(self) -> bytes:
        pick = self._random
        made = pick.choice(
            (
                json.dumps({"username": self.text(), "password": self.secret(), self.text(): self.secret()}),
                json.dumps({"body": self.secret()}),
                json.dumps({"refresh_token": self.secret()}),
                f'{{"body": "{self.secret()}',
                "[" * 500 + self.secret(),
                self.secret(),
            )
        )
        return made.encode("utf-8", pick.choice(("replace", "surrogatepass")))[:10_000]


def _visible(text: str) -> str:
    """Give a text as a header's value: no control character, no surrogate."""
    return _header(text).decode("latin-1")


def _header(text: str) -> bytes:
    return re.sub(rb"[\x00-\x1f\x7f]", b"?", text.encode("utf-8", "surrogatepass"))[:4_000].strip()


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")[:400])

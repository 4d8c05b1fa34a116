"""However much hostile traffic comes: each line of the log is one object of a known event, and holds no secret.

`make test` looks at some thousand lines, `make test-all` at more: HOSTILE_LINES says how many, HOSTILE_SEED of which
traffic. `pytest -s` shows the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from api.log_events import CATALOGUE
from tests.server.conversation import done
from tests.support.hostile import RAW, Hostility
from tests.support.people import Person, http_client, login, new_person, signup
from tests.support.raw import handshake, upgrade_request
from tests.support.server import CANARY, ServerProcess

SOME: Final = 3_000
MANY: Final = int(os.environ.get("HOSTILE_LINES", "40000"))
SEED: Final = int(os.environ.get("HOSTILE_SEED", "1"))
CLIENTS: Final = 4
REQUESTS: Final = 40
FRAMES: Final = 250
WAIT_S: Final = 20.0
TEXT_MAX: Final = 256
# No limit is in the way but that of messages: each one too many is a line.
OPEN: Final = dict.fromkeys(("REST", "HANDSHAKE", "LOGIN", "SIGNUP", "HISTORY"), "1000000/second")
_JWT: Final = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}")
_ALWAYS: Final = frozenset({"timestamp", "level", "event", "node_id", "request_id", "connection_id", "user_id"})
_FIELDS: Final = {name: _ALWAYS | set(event.fields) for name, event in CATALOGUE.items()}


class LogCheck:
    """Reads a log while it grows, and looks at each line once."""

    def __init__(self, path: Path, secrets: list[str]) -> None:
        self.events: Counter[str] = Counter()
        self._log = path.open("rb")
        self._rest = b""
        self._secrets = [text.encode() for text in (CANARY, "ticket=", "token=", *secrets)]

    @property
    def lines(self) -> int:
        """How many lines there were."""
        return self.events.total()

    def read(self) -> int:
        """Look at what is new; give the number of all lines."""
        *lines, self._rest = (self._rest + self._log.read()).split(b"\n")
        for line in lines:
            self._look_at(line)
        return self.lines

    def close(self) -> None:
        """Look at the end."""
        self.read()
        assert self._rest == b"", "the last line is whole"
        self._log.close()

    def _look_at(self, line: bytes) -> None:
        for secret in self._secrets:
            assert secret not in line, (secret, line)
        text = line.decode()
        assert RAW.search(text) is None, line
        assert "eyJ" not in text or _JWT.search(text) is None, line
        record = orjson.loads(line)
        assert isinstance(record, dict), line
        event = record["event"]
        assert record.keys() <= _FIELDS[event], line
        assert record["level"] in {"info", "warning"}, line.decode()
        assert "?" not in record.get("path", ""), line
        assert all(len(value) <= TEXT_MAX for value in record.values() if isinstance(value, str)), line
        self.events[event] += 1


class Attacker:
    """One of several that write at the same time."""

    def __init__(self, server: ServerProcess, ada: Person, hostility: Hostility, dice: random.Random) -> None:
        self._server = server
        self._ada = ada
        self._hostility = hostility
        self._dice = dice

    async def strike(self) -> None:
        """Do one thing of many; whatever it is, the server answers or hangs up in time."""
        ways = (self._requests, self._socket, self._garbage, self._handshake, self.sign_up)
        (way,) = self._dice.choices(ways, (40, 10, 10, 10, 1))
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(OSError, EOFError):  # hung up
                await way()

    async def _requests(self) -> None:
        await self._send(self._hostility.requests(REQUESTS))

    async def _garbage(self) -> None:
        for _ in range(5):
            await self._send(self._hostility.garbage(), ends=True)

    async def _handshake(self) -> None:
        for _ in range(5):
            target, headers = self._hostility.handshake()
            answer = await handshake(self._server, *headers, target=target)
            assert 400 <= answer.status_code < 500, answer.text

    async def _socket(self) -> None:
        token = [("Authorization", f"Bearer {self._ada.access_token}"), ("User-Agent", "x")]
        await self._send(upgrade_request(self._server, headers=token), self._hostility.frames(FRAMES))

    async def sign_up(self) -> None:
        """Try to log in and to sign up."""
        sent = {name: text.encode(errors="replace").decode() for name, text in self._hostility.account().items()}
        async with http_client(self._server) as http:
            answers = [await login(http, **sent), await signup(http, **sent)]
        assert {answer.status_code for answer in answers} <= {401, 422}

    async def _send(self, *parts: bytes, ends: bool = False) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        try:
            writer.write(parts[0])
            if len(parts) > 1:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(parts[1])
            if ends:
                writer.write_eof()  # else the server waits for more
            while await reader.read(2**16):
                pass
        finally:
            writer.close()


async def attack(server: ServerProcess, wanted: int) -> LogCheck:
    """Attack until the log has so many lines."""
    ada = await new_person(server)
    room: dict[str, Any] = done(
        await ada.http.post("/v1/rooms", json={"name": "x", "visibility": "public"}), status=201
    )
    secrets = [ada.access_token, ada.refresh_token, await ada.ticket()]
    check = LogCheck(server._stdout_path, secrets)

    async def strike(number: int) -> None:
        dice = random.Random(SEED * 1_000 + number)
        attacker = Attacker(server, ada, Hostility(SEED * 1_000 + number, secrets, room["id"]), dice)
        await attacker.sign_up()  # rare below: it costs the server a hash
        while check.read() < wanted:
            await attacker.strike()

    await asyncio.gather(*(strike(number) for number in range(CLIENTS)))
    assert (await ada.http.get("/healthz")).status_code == 200
    await ada.close()
    return check


@pytest.mark.parametrize(
    "wanted", [SOME, pytest.param(MANY, marks=(pytest.mark.long, pytest.mark.timeout(max(300, MANY // 50))))]
)
async def test_no_traffic_breaks_a_line_forges_one_or_writes_a_secret(tmp_path: Path, wanted: int) -> None:
    limits = {f"RATE_LIMIT_{name}": rule for name, rule in OPEN.items()} | {"RATE_LIMIT_MESSAGES": "1/hour"}
    server = ServerProcess.start(
        tmp_path / "data", RATE_LIMITS_ENABLED="true", ACCESS_TOKEN_SECONDS="86400", LOG_LEVEL="debug", **limits
    )
    try:
        memory, started_s = server.memory_bytes(), time.monotonic()
        check = await attack(server, wanted)
        seconds, grown = time.monotonic() - started_s, server.memory_bytes() - memory
        assert server.terminate() == 0
        check.close()
        assert server.stderr() == ""
    finally:
        server.kill()
        server._stdout_path.unlink()  # a long one is half a gigabyte
    print(f"{check.lines} lines in {seconds:.0f} s, {grown >> 20} MiB more: {dict(check.events)}")  # noqa: T201 - figures
    assert check.lines >= wanted
    expected = "http.request http.refused auth.refused auth.login_failed ws.connected ws.disconnected ws.refused"
    assert {*expected.split(), "rate_limit.exceeded", "node.stopped"} <= check.events.keys()
    assert "log.lines_dropped" not in check.events

"""A connection as a client sees it: frames go into an inbox, tests take out what they wait for."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.support.judge import Judge, check_close, check_refusal

MAX_SERVER_FRAME: Final = 1024 * 1024
ANSWERS: Final = frozenset({"ack", "error"})


class Socket:
    """A WebSocket connection after its `welcome`; everything that comes is read at once and kept in order.

    Each frame, and the code of a close, is held against /asyncapi.json; what is not described there fails the test.
    """

    def __init__(self, connection: ClientConnection) -> None:
        """Start to read; `open_socket` waits for the welcome."""
        self.welcome: dict[str, Any] = {}
        self.connection = connection
        # Every frame, the welcome too, in the order of arrival, taken out of the inbox or not.
        self.heard: list[dict[str, Any]] = []
        self.judge = Judge()
        self._inbox: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Condition()
        self._numbers = itertools.count(1)
        self._reader = asyncio.create_task(self._read())

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server selected."""
        return self.connection.subprotocol

    @property
    def inbox(self) -> list[dict[str, Any]]:
        """The frames that arrived and that nobody took out yet, oldest first."""
        return list(self._inbox)

    async def _read(self) -> None:
        try:
            async for data in self.connection:
                assert isinstance(data, str), "the server sends text frames alone"
                frame = json.loads(data)
                assert isinstance(frame, dict)
                self.judge.received(frame)
                async with self._arrived:
                    self._inbox.append(frame)
                    self.heard.append(frame)
                    self._arrived.notify_all()
            self._check_close()
        except ConnectionClosed:
            self._check_close()
        finally:
            async with self._arrived:
                self._arrived.notify_all()

    def _check_close(self) -> None:
        protocol = self.connection.protocol
        if protocol.close_rcvd is not None and protocol.close_rcvd_then_sent:
            check_close(protocol.close_rcvd.code, protocol.close_rcvd.reason)

    def _take(self, kinds: frozenset[str] | None, match: Mapping[str, object]) -> dict[str, Any] | None:
        for index, frame in enumerate(self._inbox):
            if (kinds is None or frame.get("type") in kinds) and _matches(frame, match):
                del self._inbox[index]
                return frame
        return None

    async def _wait(
        self, kinds: frozenset[str] | None, match: Mapping[str, object], timeout_s: float
    ) -> dict[str, Any]:
        wanted = f"{' or '.join(sorted(kinds or {'any frame'}))} {match or ''}"
        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                while True:
                    frame = self._take(kinds, match)
                    if frame is not None:
                        return frame
                    if self._reader.done():
                        self._reader.result()
                        break
                    await self._arrived.wait()
        except TimeoutError:
            raise AssertionError(f"no {wanted} within {timeout_s} s; inbox: {self.inbox}") from None
        code, reason = self.connection.close_code, self.connection.close_reason
        raise AssertionError(f"closed ({code} {reason}) before {wanted}; inbox: {self.inbox}")

    async def next(self, kind: str | None = None, /, timeout_s: float = 5, **match: object) -> dict[str, Any]:
        """Take the oldest frame of this type with these top-level fields, waiting for it; frames before it stay."""
        return await self._wait(None if kind is None else frozenset({kind}), match, timeout_s)

    async def command(self, kind: str, /, **fields: object) -> dict[str, Any]:
        """Send a command with a fresh id and take its answer, an ack or an error; other frames stay in the inbox."""
        return await self.answer(await self.post(kind, **fields))

    async def post(self, kind: str, /, **fields: object) -> str:
        """Send a command without waiting for its answer; gives its id for `answer`."""
        command_id = f"c{next(self._numbers)}"
        await self.send_raw(json.dumps({"type": kind, "id": command_id, **fields}))
        return command_id

    async def answer(self, command_id: str | None, timeout_s: float = 10) -> dict[str, Any]:
        """Take the answer to a command that was sent with this id (None: to a frame that had no valid one)."""
        return await self._wait(ANSWERS, {"id": command_id}, timeout_s)

    async def ok(self, kind: str, /, **fields: object) -> dict[str, Any]:
        """Send a command that must be acknowledged; gives the result."""
        answer = await self.command(kind, **fields)
        assert answer["type"] == "ack", answer
        assert answer.keys() == {"type", "id", "result"}, answer
        result = answer["result"]
        assert isinstance(result, dict)
        return result

    async def error(self, kind: str, /, **fields: object) -> dict[str, Any]:
        """Send a command that must be refused; gives the error frame."""
        answer = await self.command(kind, **fields)
        check_error_frame(answer)
        return answer

    async def send_raw(self, data: str | bytes) -> None:
        """Send one message as it is: a str as a text frame, bytes as a binary one."""
        self.judge.asked(data)
        await self.connection.send(data)

    async def silence(self, for_s: float = 0.3, **match: object) -> None:
        """Assert that no frame with these fields (`type="…"`; none: any but a heartbeat) is in the inbox or comes."""
        await asyncio.sleep(for_s)  # nothing can announce that nothing comes
        heard = [f for f in self._inbox if (_matches(f, match) if match else f["type"] != "heartbeat")]
        assert heard == [], f"expected silence, heard {heard}"

    async def closed(self, timeout_s: float = 5) -> tuple[int, str]:
        """Wait until the server has closed the connection; gives code and reason (1006 and "" for a cut)."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.connection.wait_closed()
        except TimeoutError:
            raise AssertionError(f"still open after {timeout_s} s; inbox: {self.inbox}") from None
        await self._reader
        return self.connection.close_code or 1006, self.connection.close_reason or ""

    async def close(self) -> None:
        """Close from this side and wait for the end; a no-op on a closed connection."""
        await self.connection.close()
        await self._reader

    async def cut(self) -> None:
        """Reset the TCP connection without a close frame, as a lost network would show it."""
        self.connection.transport.abort()
        await self.connection.wait_closed()
        await self._reader


def check_error_frame(frame: dict[str, Any]) -> None:
    """Assert that a frame has the shape of an error (protocol 2.2)."""
    required = {"type", "id", "code", "detail", "retryable"}
    assert required <= frame.keys() <= required | {"retry_after_ms", "errors"}, frame
    assert frame["type"] == "error", frame
    assert isinstance(frame["retryable"], bool), frame
    assert isinstance(frame["detail"], str), frame
    for entry in frame.get("errors", []):
        assert entry.keys() == {"loc", "msg", "type"}, frame


async def open_socket(
    url: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
) -> Socket:
    """Open a connection and take its `welcome`, which must be the first frame.

    `token` goes into the Authorization header. A refused handshake raises `websockets.exceptions.InvalidStatus`.
    """
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    try:
        connection = await connect(
            url,
            additional_headers=sent,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            origin=Origin(origin) if origin is not None else None,
            compression=None,
            ping_interval=None,
            close_timeout=5,
            max_size=MAX_SERVER_FRAME,
            proxy=None,
        )
    except InvalidStatus as refused:
        check_refusal(refused.response.status_code, json.loads(refused.response.body or b"{}")["code"])
        raise
    socket = Socket(connection)
    try:
        socket.welcome = await socket.next()
        assert socket.welcome["type"] == "welcome", socket.welcome
    except AssertionError:
        await socket.close()
        raise
    return socket


def _matches(frame: Mapping[str, Any], match: Mapping[str, object]) -> bool:
    return all(frame.get(name) == value for name, value in match.items())

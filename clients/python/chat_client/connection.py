"""One WebSocket from `welcome` to its end: commands and their answers, pushes, and the rule of silence."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from chat_client.errors import (
    NOT_AS_PROMISED,
    BadAnswerError,
    ChatApiError,
    ChatClientError,
    ConnectionClosedError,
    Json,
)
from chat_client.handshake import close_websocket

Answer = Json | ChatClientError
OnAnswer = Callable[[Answer], None]

# What the contract adds to `heartbeat_ms` before silence means that the connection is gone.
_GRACE_S = 10.0
_WELCOME_TIMEOUT_S = 10.0
# A connection whose server is alive (heartbeats) but leaves a command unanswered this long has lost it.
_ANSWER_TIMEOUT_S = 60.0
_ABNORMAL = 1006


@dataclass(frozen=True, slots=True)
class _Waiting:
    since: float
    on_answer: OnAnswer


class Connection:
    """A connection after its `welcome`.

    `read` has to run for anything to arrive; answers and pushes are handed over in the order of the wire, by calls
    that do not await, so whoever is called sees exactly the order that the server gave.
    """

    def __init__(
        self,
        socket: ClientConnection,
        welcome: Json,
        *,
        access_token: str = "",
        grace_s: float = _GRACE_S,
        answer_timeout_s: float = _ANSWER_TIMEOUT_S,
    ) -> None:
        self.welcome = welcome
        self.access_token = access_token
        self.closed: ConnectionClosedError | None = None
        self._socket = socket
        self._silence_s = welcome["heartbeat_ms"] / 1000 + grace_s
        self._frame_bytes = int(welcome["limits"]["frame_bytes"])
        self._answer_timeout_s = answer_timeout_s
        self._waiting: dict[str, _Waiting] = {}
        self._commands = 0
        self._heard_at = time.monotonic()
        self._failure: ConnectionClosedError | None = None

    @classmethod
    async def begin(cls, socket: ClientConnection, *, access_token: str) -> Self:
        """Wait for `welcome`, which is first, always.

        Raises:
            ConnectionClosedError: the server closed instead.
            BadAnswerError: something else came, or nothing in 10 s.
        """
        try:
            async with asyncio.timeout(_WELCOME_TIMEOUT_S):
                frame = _decoded(await socket.recv())
            if frame.get("type") != "welcome":
                raise BadAnswerError("the first frame is no welcome")
            return cls(socket, frame, access_token=access_token)
        except BaseException as error:
            await close_websocket(socket)
            match error:
                case ConnectionClosed():
                    raise _closed(error) from None
                case TimeoutError():
                    raise BadAnswerError("no welcome came") from None
                case _ if isinstance(error, NOT_AS_PROMISED):
                    raise BadAnswerError(f"a welcome not as the contract says: {error!r}") from error
            raise

    async def read(self, on_push: Callable[[Json], None]) -> ConnectionClosedError:
        """Hand over what arrives until the connection ends, and say how it ended.

        Raises:
            BadAnswerError: a frame is not as the contract says; the connection is closed.
        """
        watch = asyncio.create_task(self._watch(), name="chat_client.watch")
        try:
            while True:
                frame = _decoded(await self._socket.recv())
                self._heard_at = time.monotonic()
                try:
                    self._take(frame, on_push)
                except NOT_AS_PROMISED as error:
                    raise BadAnswerError(f"a frame not as the contract says: {error!r}") from error
        except ConnectionClosed as error:
            return self._failure or _closed(error)
        finally:
            watch.cancel()
            await self._end()

    async def start(self, kind: str, fields: Json, on_answer: OnAnswer) -> None:
        """Write a command; `on_answer` is called exactly once, with its result or an error.

        Returns once it is written, or never was because the connection had ended; does not wait for the answer.
        """
        if self.closed is not None:
            on_answer(self.closed)
            return
        self._commands += 1
        command_id = f"c{self._commands}"
        text = _encoded({"type": kind, "id": command_id, **fields})
        if len(text) > self._frame_bytes:
            # The server would close with 1009, and all that is under way would go down with it.
            on_answer(ChatApiError("too_large", f"A command may have {self._frame_bytes} bytes.", status=413))
            return
        self._waiting[command_id] = _Waiting(time.monotonic(), on_answer)
        with contextlib.suppress(ConnectionClosed):  # `read` ends then, and answers this one with all the others
            await self._socket.send(text, text=True)

    async def request(self, kind: str, fields: Json) -> Json:
        """Send a command and return its result.

        Raises:
            ChatApiError: the server refused.
            ConnectionClosedError: no answer will come; whether it took effect is unknown.
        """
        answered: asyncio.Future[Json] = asyncio.get_running_loop().create_future()

        def on_answer(answer: Answer) -> None:
            if answered.done():
                return  # the caller was cancelled
            if isinstance(answer, ChatClientError):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        await self.start(kind, fields, on_answer)
        return await answered

    def fail(self, reason: str) -> None:
        """Cut the connection: it is of no use any more, and the server is not waited for."""
        if self._failure is None:
            self._failure = ConnectionClosedError(_ABNORMAL, reason)
        self._socket.transport.abort()

    async def close(self) -> None:
        """Close with 1000, within 2 s."""
        await close_websocket(self._socket)

    def _take(self, frame: Json, on_push: Callable[[Json], None]) -> None:
        kind = frame["type"]
        if kind not in {"ack", "error"}:
            on_push(frame)
            return
        command_id = frame["id"]
        waiting = self._waiting.pop(command_id, None) if isinstance(command_id, str) else None
        if waiting is not None:
            result = frame["result"] if kind == "ack" else ChatApiError.from_frame(frame)
            waiting.on_answer(result)

    async def _watch(self) -> None:
        """Cut the connection once nothing was heard, or a command went unanswered, for too long."""
        while True:
            now = time.monotonic()
            oldest = next(iter(self._waiting.values()), None)
            silent_for = now - self._heard_at
            unanswered_for = 0.0 if oldest is None else now - oldest.since
            if silent_for >= self._silence_s:
                return self.fail("nothing heard from the server")
            if unanswered_for >= self._answer_timeout_s:
                return self.fail("a command was not answered")
            # A command that is written during this sleep is looked at in time: its own deadline is never nearer.
            await asyncio.sleep(min(self._silence_s - silent_for, self._answer_timeout_s - unanswered_for))

    async def _end(self) -> None:
        try:
            await close_websocket(self._socket)
        finally:
            self.closed = self._failure or ConnectionClosedError(
                self._socket.close_code or _ABNORMAL, self._socket.close_reason or ""
            )
            waiting, self._waiting = self._waiting, {}
            for command in waiting.values():
                command.on_answer(self.closed)


def _closed(error: ConnectionClosed) -> ConnectionClosedError:
    # Only what the server said counts. Where this side closed (a frame it cannot read), that is no verdict on us.
    if error.rcvd is None:
        return ConnectionClosedError(_ABNORMAL, "")
    return ConnectionClosedError(error.rcvd.code, error.rcvd.reason)


def _decoded(data: str | bytes) -> Json:
    try:
        frame = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError("a frame that is no JSON") from error
    if not isinstance(frame, dict):
        raise BadAnswerError("a frame that is no JSON object")
    return frame


def _encoded(command: Json) -> bytes:
    try:
        return json.dumps(command, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8; escaped it reaches the server, whose place it is to refuse it.
        return json.dumps(command, separators=(",", ":")).encode()

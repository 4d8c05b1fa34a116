"""The wire over plain ASGI messages, where the server does not offer its own: slower, and blind to pings."""

import asyncio
from collections.abc import Sequence

from starlette.websockets import WebSocket

from api.broadcast.wire import NOBODYS, Ending, Sink

WAITING_FRAMES_MAX = 64
"""Frames between the outbox and `send`, which waits for the peer."""


class AsgiWire:
    """Implements `broadcast.wire.Wire` with one task that sends and one that receives; `run` holds both.

    The server below must ping and time out by itself. It cannot be told to cut a connection: closing is asked for, and
    after the grace the tasks end, upon which the server drops the socket.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._sink: Sink | None = None
        self._frames: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._ended = asyncio.Event()
        self._outcome = NOBODYS

    def start(self, sink: Sink) -> None:
        """Hand everything to the sink from now on."""
        self._sink = sink

    def write(self, payloads: Sequence[bytes]) -> None:
        """Queue texts."""
        for payload in payloads:
            self._frames.put_nowait(payload.decode())

    @property
    def is_writable(self) -> bool:
        """False while too many frames wait for `send`."""
        return self._frames.qsize() < WAITING_FRAMES_MAX

    @property
    def buffered_bytes(self) -> int:
        """Count nothing: what the server below holds is not seen from here."""
        return 0

    def pause_reading(self) -> None:
        """Leave what the peer sends in the server's buffer."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Read again."""
        self._may_read.set()

    def ping(self) -> None:
        """Do nothing but trust the server's own pings: their answers are not seen here."""
        if self._sink is not None:
            self._sink.pong_received()

    def close(self, code: int, reason: str, grace_s: float) -> None:
        """Queue the goodbye; end without it after the grace."""
        self._outcome = Ending(code, reason, "server")
        self._frames.put_nowait((code, reason))
        asyncio.get_running_loop().call_later(grace_s, self._ended.set)

    def abort(self) -> None:
        """End now."""
        self._ended.set()

    async def run(self) -> None:
        """Carry frames in both directions until the socket is gone; tells the sink."""
        sending = asyncio.create_task(self._send())
        receiving = asyncio.create_task(self._receive())
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({sending, receiving, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, receiving, ended):
                task.cancel()
            await asyncio.gather(sending, receiving, ended, return_exceptions=True)
            if self._sink is not None:
                self._sink.connection_lost(self._outcome)

    async def _send(self) -> None:
        while True:
            frame = await self._frames.get()
            if isinstance(frame, tuple):
                await self._websocket.send({"type": "websocket.close", "code": frame[0], "reason": frame[1]})
                await self._ended.wait()
                return
            await self._websocket.send({"type": "websocket.send", "text": frame})
            if self._frames.empty() and self._sink is not None:
                self._sink.writable_again()

    async def _receive(self) -> None:
        while True:
            await self._may_read.wait()
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code") or NOBODYS.code
                if self._outcome is NOBODYS and code != NOBODYS.code:
                    self._outcome = Ending(code, message.get("reason") or "", "client")
                return
            if self._sink is not None:
                text = message.get("text")
                data = message.get("bytes") or b"" if text is None else text.encode()
                self._sink.frame_received(data, text=text is not None)

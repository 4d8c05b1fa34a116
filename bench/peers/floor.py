"""The floor: one frame, made once, written to every socket. No chat in Python can deliver for less.

The handshake is answered without a look at it, and what a client sends is not parsed: the payload goes out again as
it came, its mask taken off.
"""

import asyncio
import base64
import hashlib
import struct
import sys
from typing import cast

import uvloop

_MASK_BYTES = 4
_LONG = 126


class Floor(asyncio.Protocol):
    """One socket of the one room."""

    def __init__(self, everyone: list[asyncio.Transport]) -> None:
        self._everyone = everyone
        self._is_open = False
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._is_open:
            head, end, self._data = self._data.partition(b"\r\n\r\n")
            key = head.lower().partition(b"sec-websocket-key: ")[0]
            key = head[len(key) :].partition(b": ")[2].partition(b"\r\n")[0] if end else b""
            digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
            )
            self._is_open = True
            self._everyone.append(self._transport)
            return
        while (frame := self._next()) is not None:
            for transport in self._everyone:
                transport.write(frame)

    def _next(self) -> bytes | None:
        data = self._data
        if len(data) < 2:  # noqa: PLR2004
            return None
        length, start = data[1] & 0x7F, 2
        if length == _LONG:
            (length,), start = struct.unpack("!H", data[2:4]), 4
        end = start + _MASK_BYTES + length
        if len(data) < end:
            return None
        mask, payload = data[start : start + _MASK_BYTES], data[start + _MASK_BYTES : end]
        self._data = data[end:]
        key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
        text = (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")
        return data[:1] + (bytes((length,)) if length < _LONG else struct.pack("!BH", _LONG, length)) + text

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._is_open:
            self._everyone.remove(self._transport)


async def main(port: int) -> None:
    """Serve until the process is ended."""
    everyone: list[asyncio.Transport] = []
    server = await asyncio.get_running_loop().create_server(lambda: Floor(everyone), "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

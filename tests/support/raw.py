"""HTTP and WebSocket byte by byte: for what no library would send, and for what it would hide."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket as sockets
import struct
import weakref
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, ClassVar, Final, Self

import httpx2

from tests.support.judge import Judge, check_refusal
from tests.support.server import ServerProcess

SECONDS: Final = 10.0


class Opcode(IntEnum):
    """RFC 6455, 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


def upgrade_request(server: ServerProcess, target: str = "/v1/ws", headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """Write the request that opens a WebSocket; `headers` are added as they are, repeated names included."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


async def read_response(reader: asyncio.StreamReader) -> httpx2.Response:
    """Read one HTTP answer with its body (up to Content-Length, chunk by chunk, or to the end of the connection)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, status, *_ = head[0].split(" ", 2)
    assert version == "HTTP/1.1", head[0]
    headers = httpx2.Headers([(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2])])
    body = b""
    if int(status) in {101, 204, 304}:
        pass
    elif "Content-Length" in headers:
        body = await reader.readexactly(int(headers["Content-Length"]))
    elif headers.get("Transfer-Encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        headers.pop("Transfer-Encoding")
    else:
        body = await reader.read()
    return httpx2.Response(int(status), headers=headers, content=body)


async def exchange(server: ServerProcess, request: bytes) -> httpx2.Response:
    """Send these bytes on a new connection, give the first answer, and hang up."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            writer.write(request)
            await writer.drain()
            response = await read_response(reader)
        finally:
            writer.close()
    _check_if_refused(request, response)
    return response


async def handshake(
    server: ServerProcess,
    *headers: tuple[str, str],
    target: str = "/v1/ws",
    token: str | None = None,
) -> httpx2.Response:
    """Ask for an upgrade, `token` in the Authorization header, and give the answer: 101 or a refusal."""
    sent = [("Authorization", f"Bearer {token}")] if token is not None else []
    return await exchange(server, upgrade_request(server, target, [*sent, *headers]))


def _check_if_refused(request: bytes, response: httpx2.Response) -> None:
    """Hold the refusal of a handshake against /asyncapi.json."""
    method, target, *_ = [*request.partition(b"\r\n")[0].split(b" "), b""]
    is_handshake = (method, target.partition(b"?")[0]) == (b"GET", b"/v1/ws")
    if is_handshake and response.status_code != httpx2.codes.SWITCHING_PROTOCOLS:
        check_refusal(response.status_code, response.json()["code"])


def encode_frame(opcode: int, payload: bytes, *, first_bits: int = 0x80, masked: bool = True) -> bytes:
    """Write one frame as a client does; `first_bits` are FIN and RSV (0: a fragment that is not the last)."""
    mask_bit = 0x80 if masked else 0
    head = bytes([first_bits | opcode])
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) < 2**16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", len(payload))
    if masked:
        mask = secrets.token_bytes(4)
        payload = mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return head + payload


class RawSocket:
    """An open WebSocket that answers nothing by itself: no pong, no close.

    The frames that it reads are held against /asyncapi.json, as with `Socket`. The fixture `raw_sockets_are_closed`
    closes those that a test leaves open.
    """

    opened: ClassVar[weakref.WeakSet[RawSocket]] = weakref.WeakSet()

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, response: httpx2.Response) -> None:
        self._reader = reader
        self._writer = writer
        self.response = response
        self._judge = Judge()
        RawSocket.opened.add(self)

    @classmethod
    async def open(
        cls,
        server: ServerProcess,
        token: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        early: Iterable[bytes] = (),
        receive_buffer: int | None = None,
    ) -> Self:
        """Upgrade with this access token, which must succeed.

        The texts of `early` are sent as frames in one piece with the request. With `receive_buffer` (bytes) hardly more
        than that is taken from the network before `frame` asks for it.
        """
        link = sockets.socket()
        link.setblocking(False)  # noqa: FBT003 (the standard library's own signature)
        if receive_buffer is not None:
            link.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer)
        async with asyncio.timeout(SECONDS):
            await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", server.port))
            reader, writer = await asyncio.open_connection(sock=link, limit=receive_buffer or 2**21)
            request = upgrade_request(server, headers=[("Authorization", f"Bearer {token}"), *headers])
            writer.write(request + b"".join(encode_frame(Opcode.TEXT, text) for text in early))
            response = await read_response(reader)
        if response.status_code != httpx2.codes.SWITCHING_PROTOCOLS:
            writer.close()
            raise AssertionError(f"{response.status_code} {response.text}")
        return cls(reader, writer, response)

    async def send_frame(self, opcode: int, payload: bytes, *, first_bits: int = 0x80, masked: bool = True) -> None:
        """Send one frame; `first_bits` are FIN and RSV (0: a fragment that is not the last)."""
        await self.send_bytes(encode_frame(opcode, payload, first_bits=first_bits, masked=masked))

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def frame(self, timeout_s: float = SECONDS) -> tuple[int, bytes]:
        """Read the next frame; gives opcode and payload, and fails with EOFError or OSError where there is none."""
        async with asyncio.timeout(timeout_s):
            first, second = await self._reader.readexactly(2)
            assert first & 0x70 == 0, "no reserved bits, so no compression"
            assert second & 0x80 == 0, "a server does not mask"
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
            opcode, payload = first & 0x0F, await self._reader.readexactly(size)
        if opcode == Opcode.TEXT:
            self._judge.received(json.loads(payload))
        return opcode, payload

    async def text(self, kind: str | None = None, timeout_s: float = SECONDS) -> dict[str, Any]:
        """Read on to the next text frame (of this type) and give it; frames before it are lost."""
        async with asyncio.timeout(timeout_s):
            while True:
                opcode, payload = await self.frame(timeout_s)
                assert opcode != Opcode.CLOSE, payload
                if opcode == Opcode.TEXT:
                    frame = json.loads(payload)
                    assert isinstance(frame, dict)
                    if kind is None or frame["type"] == kind:
                        return frame

    async def closed(self, timeout_s: float = SECONDS) -> tuple[int, str]:
        """Read to the end; gives the code and reason of the close frame, (1006, "") where none came."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    opcode, payload = await self.frame(timeout_s)
                    if opcode == Opcode.CLOSE:
                        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()
        except (EOFError, OSError):
            return 1006, ""

    async def ended(self, timeout_s: float = SECONDS) -> None:
        """Wait until the TCP connection is at its end, whatever comes before."""
        async with asyncio.timeout(timeout_s):
            try:
                while await self._reader.read(2**16):
                    pass
            except OSError:
                return

    def close(self) -> None:
        """Reset the TCP connection."""
        self._writer.transport.abort()

"""The load: client sockets in one thread, most of them drained without a look, some of them read."""

import base64
import os
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Final

RECEIVE_BYTES: Final = 1 << 18
# What a message's body begins with: when it was sent, in nanoseconds of the monotonic clock.
_STAMP: Final = re.compile(rb"@(\d{20})@")
_SHORT, _LONG = 126, 127


def stamped(size_bytes: int) -> str:
    """Make a body of this size that says when it was sent."""
    stamp = f"@{time.monotonic_ns():020}@"
    return stamp + "x" * (size_bytes - len(stamp))


def sent_ns(payload: bytes) -> int | None:
    """Read when the message in a frame was sent; None: there is none in it."""
    found = _STAMP.search(payload)
    return None if found is None else int(found[1])


def text_frame(payload: bytes) -> bytes:
    """Make a client's frame; its mask is zero, which is one of the masks there are."""
    length = len(payload)
    if length < _SHORT:
        return struct.pack("!BB4x", 0x81, 0x80 | length) + payload
    return struct.pack("!BBH4x", 0x81, 0x80 | _SHORT, length) + payload


def upgrade(path: str, headers: Iterable[str]) -> bytes:
    """Make the request of a handshake."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Client:
    """One socket. After the handshake its bytes are counted; with `on_text` its frames are read as well."""

    __slots__ = ("_data", "_is_open", "_pending", "bytes_in", "frames_in", "on_open", "on_text", "sock")

    def __init__(self, port: int, request: bytes, *, receive_buffer_bytes: int = 0) -> None:
        self.sock = socket.socket()
        if receive_buffer_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setblocking(False)  # noqa: FBT003 - the standard library's
        self.sock.send(request)
        self.on_open: Callable[[bytes], bytes | None] = lambda rest: rest
        self.on_text: Callable[[bytes], object] | None = None
        self.bytes_in = 0
        self.frames_in = 0
        self._is_open = False
        self._data = b""
        self._pending = b""

    def send(self, frame: bytes) -> None:
        """Send a frame; what the kernel does not take waits for `flush`."""
        self._pending += frame
        self.flush()

    def flush(self) -> None:
        """Send what waits."""
        try:
            sent = self.sock.send(self._pending)
        except BlockingIOError:
            return
        self._pending = self._pending[sent:]

    def received(self, data: memoryview) -> None:
        """Take what has come."""
        if not self._is_open:
            self._open(bytes(data))
            return
        self.bytes_in += len(data)
        if self.on_text is not None:
            self._data += data
            self._read_frames()

    def _open(self, data: bytes) -> None:
        self._data += data
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"refused: {self._data[:500]!r}")
        left = self.on_open(rest)
        if left is not None:
            self._is_open = True
            self._data = left
            self.bytes_in = len(left)

    @property
    def is_open(self) -> bool:
        """Tell whether everything that comes before the first message is there."""
        return self._is_open

    def _read_frames(self) -> None:
        data, at = self._data, 0
        while (bounds := frame_bounds(data, at)) is not None:
            start, at = bounds
            self.frames_in += 1
            assert self.on_text is not None  # noqa: S101
            self.on_text(data[start:at])
        self._data = data[at:]


def frame_bounds(data: bytes, at: int) -> tuple[int, int] | None:
    """Find the payload of the server's frame that begins at `at`; None: it is not all here."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length == _SHORT:
        if len(data) < at + 4:
            return None
        (length,), start = struct.unpack_from("!H", data, start), at + 4
    elif length == _LONG:
        if len(data) < at + 10:
            return None
        (length,), start = struct.unpack_from("!Q", data, start), at + 10
    return None if len(data) < start + length else (start, start + length)


class Loop:
    """Reads all sockets until there is nothing to wait for."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._buffer = bytearray(RECEIVE_BYTES)
        self._view = memoryview(self._buffer)
        self.lost = 0

    def add(self, client: Client) -> None:
        """Read this socket from now on."""
        self._clients[client.sock.fileno()] = client
        self._epoll.register(client.sock.fileno(), select.EPOLLIN)

    def drop(self, client: Client) -> None:
        """Close a socket."""
        self._clients.pop(client.sock.fileno(), None)
        client.sock.close()

    def turn(self, timeout_s: float) -> None:
        """Read once what has come."""
        for descriptor, _ in self._epoll.poll(max(timeout_s, 0), 1024):
            client = self._clients.get(descriptor)
            if client is None:
                continue
            try:
                size = client.sock.recv_into(self._buffer)
            except BlockingIOError:
                continue
            except ConnectionError:
                size = 0
            if size:
                client.received(self._view[:size])
            else:
                self.lost += 1
                self._epoll.unregister(descriptor)
                self.drop(client)

    def run_until(self, is_done: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Read until something is so.

        Raises:
            TimeoutError: it was not so in time.
        """
        deadline = time.monotonic() + timeout_s
        while not is_done():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(what)
            self.turn(min(left, 0.05))

    def close(self) -> None:
        """Close every socket."""
        for client in list(self._clients.values()):
            self.drop(client)
        self._epoll.close()

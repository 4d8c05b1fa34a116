"""What the kernel is asked for on a connection."""

import contextlib
import socket
from typing import Final

# The kernel's share of a reader that stalls (Linux doubles it); left to itself it grows to megabytes.
SEND_BUFFER_BYTES: Final = 128 * 1024
# A peer that vanished without a word ends the connection when it has acknowledged nothing for so long.
USER_TIMEOUT_MS: Final = 30_000


def set_socket_options(sock: socket.socket | None) -> None:
    """Bound the kernel's send buffer and the time it waits for a peer; send small writes at once."""
    if sock is None:
        return
    options = [
        (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ]
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS))
    for level, option, value in options:
        with contextlib.suppress(OSError):  # not a TCP socket, or already gone
            sock.setsockopt(level, option, value)

"""What the kernel is asked for on a connection, and what a peer gets at its end."""

import contextlib
import socket
from typing import Final

# The kernel's share of a reader that stalls (Linux doubles it); left to itself it grows to megabytes.
SEND_BUFFER_BYTES: Final = 128 * 1024
# A peer that vanished without a word ends the connection when it has acknowledged nothing for so long.
USER_TIMEOUT_MS: Final = 30_000
# How long a peer that said goodbye, broke the protocol or still sends gets to take the last bytes. Closing the socket
# while it sends would reset the connection, and what says why would be lost with it.
LINGER_S: Final = 2.0


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

"""The address that the server listens on: found, bound, named."""

import errno
import ipaddress
import socket
from typing import Any, Final

from api.cli.refusal import Refusal

BACKLOG: Final = 2048


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket here, where a port in use can still be one clear line.

    Raises:
        Refusal: what CHAT_HOST and CHAT_PORT name cannot be listened on.
    """
    family, address = resolve(host, port)
    try:
        listener = bind(family, address)
        try:
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise Refusal(why_not(error, host, port)) from None
    listener.setblocking(False)
    return listener


def bind(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    """Take the address without listening on it yet: no client notices.

    Raises:
        OSError: it cannot be had.
    """
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """Find the address that a host's name stands for.

    Raises:
        Refusal: there is none.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError):
        raise Refusal(f"CHAT_HOST: {host} is no address of this machine") from None
    return family, address


def url_of(host: str, port: int) -> str:
    """Name an address that works from this machine: every interface is no address to go to."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return f"http://{'127.0.0.1' if address.is_unspecified else address}:{port}"
    return f"http://[{'::1' if address.is_unspecified else address}]:{port}"


def why_not(error: OSError, host: str, port: int) -> str:
    """Say which setting to change for an address that cannot be had, and why."""
    match error.errno:
        case errno.EADDRINUSE:
            return f"CHAT_PORT: port {port} on {host} is in use"
        case errno.EACCES:
            return f"CHAT_PORT: port {port} needs more rights than this user has"
        case errno.EADDRNOTAVAIL:
            return f"CHAT_HOST: {host} is no address of this machine"
        case _:
            return f"CHAT_HOST, CHAT_PORT: cannot listen on {host}:{port} ({error.strerror})"

"""What the kernel is asked for."""

from __future__ import annotations

import socket

import pytest

from api.server.tcp import SEND_BUFFER_BYTES, USER_TIMEOUT_MS, set_socket_options
from tests.unit.server.fake_wire import FakeConnection, accept_and_park


def test_a_tcp_socket_gets_a_bounded_send_buffer_and_a_deadline_for_its_peer() -> None:
    with socket.socket() as sock:
        set_socket_options(sock)
        assert SEND_BUFFER_BYTES <= sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER_BYTES
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == USER_TIMEOUT_MS


async def test_every_websocket_gets_them() -> None:
    with socket.socket() as sock:
        before = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        FakeConnection(accept_and_park, sock)
        assert (before, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) == (0, 1)


def test_a_platform_without_the_deadline_gets_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT", raising=False)
    with socket.socket() as sock:
        set_socket_options(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_what_is_no_tcp_socket_or_already_closed_is_left_alone() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        set_socket_options(sock)
    set_socket_options(sock)
    set_socket_options(None)

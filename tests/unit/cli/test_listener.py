"""The address that the server listens on."""

from __future__ import annotations

import errno
import socket
from contextlib import closing

import pytest

from api.cli.listener import bind, listen, resolve, url_of, why_not
from api.cli.refusal import Refusal


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_free_port_is_found(host: str) -> None:
    with closing(listen(host, 0)) as listener:
        assert listener.getsockname()[1] > 0
        assert not listener.getblocking()


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refusal, match=rf"^CHAT_PORT: port {port} on 127\.0\.0\.1 is in use$"):
            listen("127.0.0.1", port)


def test_a_port_that_somebody_takes_in_between_is_named() -> None:
    """Two may bind one address before the first of them listens."""
    family, address = resolve("127.0.0.1", 0)
    with closing(bind(family, address)) as other:
        port = other.getsockname()[1]
        with closing(listen("127.0.0.1", port)), pytest.raises(OSError, match="in use"):
            other.listen()


def test_a_host_of_another_machine_is_named() -> None:
    with pytest.raises(Refusal, match=r"^CHAT_HOST: 192\.0\.2\.1 is no address of this machine$"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize("host", ["not a name", "x" * 300 + ".example"])
def test_what_is_no_host_is_named(host: str) -> None:
    with pytest.raises(Refusal, match="CHAT_HOST"):
        listen(host, 0)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "CHAT_PORT: port 80 on here is in use"),
        (errno.EACCES, "CHAT_PORT: port 80 needs more rights than this user has"),
        (errno.EADDRNOTAVAIL, "CHAT_HOST: here is no address of this machine"),
        (errno.ENOBUFS, "CHAT_HOST, CHAT_PORT: cannot listen on here:80 (no room)"),
    ],
)
def test_what_the_system_says_is_told_with_the_setting_to_change(number: int, words: str) -> None:
    assert why_not(OSError(number, "no room"), "here", 80) == words


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
        (".".join("0000"), "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("::", "http://[::1]:8000"),
        ("fe80::1%eth0", "http://[fe80::1]:8000"),
    ],
)
def test_the_url_can_be_opened(host: str, url: str) -> None:
    assert url_of(host, 8000) == url

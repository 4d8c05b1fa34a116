"""What `api.server` relies on inside uvicorn and websockets, none of it documented; a new version may move it.

Where one of these fails, read the new source beside `api/server/` before anything else is changed.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from typing import Any

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import HANDLED_SIGNALS, ServerState
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from api.server.handshake import HandshakeProtocol
from api.server.http import ChatHttpProtocol
from api.server.runner import ChatServer, server_config
from api.server.websocket import ChatWebSocketProtocol
from tests.unit.server.fake_wire import accept_and_park

SINCE = (0, 54)
OURS = {
    "start",
    "write",
    "is_writable",
    "close",
    "ping",
    "abort",
    "resume_reading",
    "pause_reading",
    "refuse_handshake",
}


def _parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_uvicorn_is_new_enough() -> None:
    assert tuple(int(part) for part in uvicorn.__version__.split(".")[:2]) >= SINCE


@pytest.mark.parametrize(
    ("ours", "base"),
    [
        (ChatWebSocketProtocol, WebSocketsSansIOProtocol),
        (HandshakeProtocol, WebSocketsSansIOProtocol),
        (ChatHttpProtocol, HttpToolsProtocol),
        (ChatServer, uvicorn.Server),
    ],
)
def test_every_method_of_ours_either_extends_one_of_uvicorns_or_is_new_on_purpose(ours: type, base: type) -> None:
    for name, member in vars(ours).items():
        if not inspect.isfunction(member) or name.startswith("_"):
            continue
        if name in OURS:
            assert not hasattr(base, name), f"uvicorn has a {name} of its own now"
        else:
            theirs = getattr(base, name, None)
            assert theirs is not None, f"uvicorn has no {name} any more"
            assert _parameters(member) == _parameters(theirs), name


@pytest.mark.parametrize("name", ["_sink", "_is_live", "_wants_frames", "_held", "_outcome", "_early", "_application"])
def test_our_attributes_hide_none_of_uvicorns(name: str) -> None:
    assert not hasattr(_protocol(WebSocketsSansIOProtocol), name)


@pytest.mark.parametrize("name", ["_drain_s", "_on_started", "_is_stopping", "_main", "_drain", "forced_by"])
def test_our_servers_attributes_hide_none_of_uvicorns(name: str) -> None:
    assert not hasattr(uvicorn.Server(server_config(accept_and_park, heartbeat_s=25)), name)


def _protocol(kind: type[WebSocketsSansIOProtocol]) -> WebSocketsSansIOProtocol:
    config = server_config(accept_and_park, heartbeat_s=25)
    config.load()
    loop = asyncio.new_event_loop()
    try:
        return kind(config, ServerState(), {}, loop)
    finally:
        loop.close()


def test_the_state_we_use_is_there() -> None:
    protocol = _protocol(WebSocketsSansIOProtocol)
    assert isinstance(protocol.conn, ServerProtocol)
    expected: dict[str, object] = {
        "handshake_initiated": False,
        "handshake_complete": False,
        "close_sent": False,
        "disconnected": False,
        "close_timer": None,
        "initial_response": None,
        "read_paused": False,
        "pending_ping_payload": None,
        "frames": [],
        "transport": None,
    }
    assert {name: getattr(protocol, name) for name in expected} == expected
    assert protocol.writable.is_set()
    assert protocol.queue.empty()
    assert protocol.curr_msg_data_type in {"text", "bytes"}


def test_what_we_call_is_there() -> None:
    for name in ("handle_text", "handle_bytes", "handle_cont", "handle_connect"):
        assert _parameters(getattr(WebSocketsSansIOProtocol, name)) == ["self", "event"]
    for name in ("startup", "shutdown", "capture_signals", "handle_exit", "main_loop"):
        assert hasattr(uvicorn.Server, name)
    assert HANDLED_SIGNALS


def test_the_sans_io_protocol_of_websockets_is_as_we_drive_it() -> None:
    conn = ServerProtocol()
    assert conn.state is State.CONNECTING
    assert (conn.parser_exc, conn.close_rcvd, conn.close_sent, conn.debug) == (None, None, None, False)
    assert _parameters(conn.reject) == ["status", "text"]
    assert _parameters(conn.fail)[:2] == ["code", "reason"]
    assert _parameters(conn.send_close)[:2] == ["code", "reason"]
    assert set(Opcode) == {Opcode.CONT, Opcode.TEXT, Opcode.BINARY, Opcode.CLOSE, Opcode.PING, Opcode.PONG}
    assert Frame(Opcode.TEXT, b"x").fin


def test_an_upgrade_says_where_the_request_ended() -> None:
    parser = httptools.HttpRequestParser(object())
    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with pytest.raises(httptools.HttpParserUpgrade) as caught:
        parser.feed_data(request + b"behind it")
    assert caught.value.args == (len(request),)


@pytest.mark.parametrize(
    "name",
    [
        *("_serving", "_is_done_reading", "_is_answering", "_end_after_answer", "_refuse_unreadable"),
        *("_refuse", "_log_refusal", "_decline_upgrade", "_upgrade", "_part_with_client", "_receive", "_give_up"),
        *("_fault", "_drop", "_dropped_bytes", "_hang_up", "_lingering"),
    ],
)
def test_what_our_http_adds_hides_nothing_of_uvicorns(name: str) -> None:
    assert not hasattr(_http_protocol(HttpToolsProtocol), name)
    assert hasattr(_http_protocol(ChatHttpProtocol), name)


def test_what_our_http_uses_is_there() -> None:
    assert _parameters(HttpToolsProtocol._start_asgi_task) == ["self", "cycle", "app"]
    protocol = _http_protocol(HttpToolsProtocol)
    expected: dict[str, object] = {"cycle": None, "flow": None, "headers": None, "client": None, "transport": None}
    assert {name: getattr(protocol, name) for name in expected} == expected
    assert len(protocol.pipeline) == 0
    for name in ("_should_upgrade", "_unset_keepalive_if_required", "handle_websocket_upgrade", "shutdown"):
        assert _parameters(getattr(HttpToolsProtocol, name)) == ["self"]
    names = set(inspect.signature(RequestResponseCycle).parameters)
    source = inspect.getsource(RequestResponseCycle.__init__)
    for name in ("keep_alive", "message_event", "more_body", "response_started", "response_complete", "disconnected"):
        assert name in names or f"self.{name} = " in source
    used = set(re.findall(r"self\.transport\.(\w+)", inspect.getsource(RequestResponseCycle)))
    assert used == {"write", "close", "is_closing"}, "what we give it in the transport's place"


def _http_protocol(kind: type[HttpToolsProtocol]) -> HttpToolsProtocol:
    config = server_config(accept_and_park, heartbeat_s=25)
    config.load()
    loop = asyncio.new_event_loop()
    try:
        return kind(config, ServerState(), {}, loop)
    finally:
        loop.close()

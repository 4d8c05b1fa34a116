"""Whatever a client writes where the log may repeat it: a line stays one line, of one object, of a known event."""

from __future__ import annotations

import asyncio
import json
import re
import struct
from typing import Final

import httpx2

from api.log_events import CATALOGUE
from tests.server.conversation import Json, done
from tests.support.fixtures import MakeServer
from tests.support.hostile import RAW, TEXTS
from tests.support.people import fresh_password, fresh_username, http_client, login, new_person
from tests.support.raw import Opcode, RawSocket, exchange, handshake
from tests.support.server import ServerProcess
from tests.support.sockets import Socket

TEXT_MAX: Final = 256


def header(text: str) -> bytes:
    """Give a text as the bytes of a header that no parser refuses."""
    return re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"?", text.encode("utf-8", "surrogatepass"))[:4_000]


async def knock(server: ServerProcess, text: str) -> None:
    """Write a text into every part of a request that is no body."""
    raw = header(text)
    odd = [(name.encode(), raw) for name in ("User-Agent", "Origin", "X-Request-ID", "X-Forwarded-For", "Referer")]
    async with http_client(server) as http:
        await http.get("/v1/users/me", headers=odd)
        await http.get("/v1/users/me", headers=[(b"Authorization", b"Bearer " + raw), (b"Cookie", raw)])
        await http.get("/v1/users", params={"username": text.encode("utf-8", "surrogatepass"), "x": "?"})
    quoted = "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))[:6_000]
    host = f"Host: 127.0.0.1:{server.port}\r\n".encode()
    for target in (f"/v1/{quoted}".encode(), b"/" + re.sub(rb"[^\x21-\x7e]", b"", raw) + b"#" + raw[:1]):
        await answered(server, b"GET " + target + b" HTTP/1.1\r\n" + host + b"\r\n")
    await answered(server, re.sub(rb"[^A-Za-z]", b"", raw)[:20].upper() + b" / HTTP/1.1\r\n" + host + b"\r\n")
    await answered(server, b"GET / HTTP/1.1\r\nHost: " + raw + b"\r\n\r\n")
    readable = raw.decode("latin-1")
    await handshake(server, ("User-Agent", readable), ("Origin", readable))
    await handshake(server, ("Sec-WebSocket-Protocol", f"chat.v1, bearer.{readable}"))
    await handshake(server, target=f"/v1/ws?ticket={quoted}")


async def answered(server: ServerProcess, request: bytes) -> None:
    """Send bytes that may be no request; the server answers or hangs up."""
    try:
        await exchange(server, request)
    except (EOFError, OSError, httpx2.HTTPError, ValueError):
        return


async def write(server: ServerProcess, http: httpx2.AsyncClient, socket: Socket, room: Json, text: str) -> None:
    """Write a text into every body and frame."""

    async def send(method: str, path: str, body: Json) -> None:
        data = json.dumps(body).encode()
        await http.request(method, path, content=data, headers={"Content-Type": "application/json"})

    path = f"/v1/rooms/{room['id']}"
    await login(http, text.encode(errors="replace").decode(), fresh_password())
    await send("POST", "/v1/auth/signup", {"username": text, "password": text, text[:60]: text})
    await send("POST", "/v1/auth/signup", {"username": fresh_username(), "password": text, "display_name": text})
    await send("POST", "/v1/auth/refresh", {"refresh_token": text})
    await send("POST", "/v1/rooms", {"name": text, "topic": text, "visibility": text})
    await send("PATCH", path, {"name": text[:60], "topic": text[:200]})
    await send("POST", f"{path}/messages", {"body": text})
    await send("PUT", f"{path}/bans/{room['id']}", {"reason": text})
    await send("PATCH", "/v1/users/me", {"display_name": text[:60]})
    for frame in (
        {"type": text, "id": text[:60]},
        {"type": "ping", "id": text[:60], text: text},
        {"type": "message.send", "id": "c", "room_id": room["id"], "body": text, "idempotency_key": text[:60]},
        {"type": "token.refresh", "id": "c", "access_token": text},
        text,
    ):
        await socket.send_raw(json.dumps(frame))
        await socket.send_raw(text.encode("utf-8", "replace"))
        await socket.ok("ping")


async def test_no_text_of_a_client_makes_a_line_breaks_one_or_drives_a_terminal(make_server: MakeServer) -> None:
    server = make_server(LOG_LEVEL="debug")
    ada = await new_person(server)
    room = done(await ada.http.post("/v1/rooms", json={"name": "x", "visibility": "public"}), status=201)
    socket = await ada.connect()
    for text in TEXTS:
        await asyncio.gather(knock(server, text), write(server, ada.http, socket, room, text))
        raw = await RawSocket.open(server, ada.access_token, headers=[("User-Agent", header(text).decode("latin-1"))])
        reason = text.encode("utf-8", "replace")[:120].decode(errors="ignore").encode()
        await raw.send_frame(Opcode.CLOSE, struct.pack("!H", 4_321) + reason)
        await raw.ended()
        raw.close()
    await ada.close()
    assert server.terminate() == 0
    check_lines(server)


def check_lines(server: ServerProcess) -> None:
    """Assert what holds for every line, whoever caused it."""
    data = server._stdout_path.read_bytes()
    lines = data.decode("utf-8").split("\n")
    assert lines.pop() == ""
    assert len(lines) > 20 * len(TEXTS)
    for line in lines:
        found = RAW.search(line)
        assert found is None, line
        record = json.loads(line)
        assert record["event"] in CATALOGUE, line
        assert record["level"] in {"info", "warning", "debug"}, line
        for name, value in record.items():
            assert not isinstance(value, str) or len(value) <= TEXT_MAX, (name, line)
    assert {"http.request", "auth.login_failed", "ws.refused", "ws.disconnected"} <= {
        json.loads(line)["event"] for line in lines
    }

"""A WebSocket server on the loopback that behaves as a test says, where a real one would not."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from chat_client.models import Tokens
from chat_client.session import MemoryTokenStore, Session
from tests.unit.chat_client import wire

Script = Callable[[ServerConnection], Awaitable[None]]

PROTOCOLS = [Subprotocol("chat.v1")]


async def answer_all(socket: ServerConnection) -> None:
    """Welcome, then acknowledge every command; a message gets the next `seq` of its room."""
    await socket.send(json.dumps(wire.welcome(wire.room(last_seq=0))))
    seq = 0
    async for data in socket:
        command = json.loads(data)
        result: wire.Json = {"server_time": wire.AT, "expires_at": wire.AT}
        if command["type"] == "message.send":
            seq += 1
            message = wire.message(seq, body=command["body"], key=command["idempotency_key"])
            result = {"message": message, "duplicate": False}
        await socket.send(json.dumps({"type": "ack", "id": command["id"], "result": result}))


@contextlib.asynccontextmanager
async def scripted(
    *scripts: Script, subprotocols: list[Subprotocol] | None = PROTOCOLS, refresh: httpx2.Response | None = None
) -> AsyncIterator[Session]:
    """Run one script per connection (the last for all further ones) and give a session that is logged in there.

    `refresh` is what the server answers to `POST /v1/auth/refresh`.
    """
    waiting = list(scripts)

    async def handle(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(socket)

    def rest(_: httpx2.Request) -> httpx2.Response:
        return refresh if refresh is not None else httpx2.Response(404)

    server: Server = await serve(handle, "127.0.0.1", 0, subprotocols=subprotocols, compression=None)
    port = next(iter(server.sockets)).getsockname()[1]
    async with (
        httpx2.AsyncClient(transport=httpx2.MockTransport(rest)) as http,
        Session(
            f"http://127.0.0.1:{port}",
            tokens=MemoryTokenStore(Tokens("access1", "refresh1", 0.0, 1e12, 1e12)),
            client=http,
        ) as session,
    ):
        try:
            yield session
        finally:
            server.close()
            await server.wait_closed()
            await asyncio.sleep(0)

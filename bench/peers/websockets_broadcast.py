"""A server on `websockets` alone, whose `broadcast` sends without waiting."""

import asyncio
import json
import sys
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bench.peers.tutorial import sign


async def main(port: int) -> None:
    """Serve until the process is ended."""
    rooms: dict[str, set[ServerConnection]] = {}

    def check(connection: ServerConnection, request: Request) -> Response | None:
        (token,) = parse_qs(urlsplit(request.path).query).get("token", [""])
        if token != sign(token.partition(".")[0]):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "")
        return None

    async def chat(connection: ServerConnection) -> None:
        assert connection.request is not None  # noqa: S101 - there is one once the handshake is done
        address = urlsplit(connection.request.path)
        room = address.path.rpartition("/")[2]
        user = parse_qs(address.query)["token"][0].partition(".")[0]
        connected = rooms.setdefault(room, set())
        connected.add(connection)
        try:
            async for text in connection:
                broadcast(connected, json.dumps({"user": user, "room": room, "body": json.loads(text)["body"]}))
        except ConnectionClosed:
            pass
        finally:
            connected.discard(connection)

    async with serve(
        chat, "127.0.0.1", port, process_request=check, compression=None, ping_interval=None, backlog=4096
    ):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

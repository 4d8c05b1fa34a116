"""A server on python-socketio, with its rooms."""

import sys
from typing import Any

import socketio
import uvicorn

from bench.peers.tutorial import sign


def build_app() -> Any:  # noqa: ANN401 - the library has no types
    """Put the application together."""
    server = socketio.AsyncServer(async_mode="asgi", transports=["websocket"], ping_interval=600)

    @server.event
    async def connect(sid: str, environ: dict[str, Any], auth: dict[str, str]) -> bool:  # noqa: ARG001 - the hook's
        user = auth["token"].partition(".")[0]
        if auth["token"] != sign(user):
            return False
        await server.save_session(sid, {"user": user, "room": auth["room"]})
        await server.enter_room(sid, auth["room"])
        return True

    @server.event
    async def message(sid: str, data: dict[str, str]) -> None:
        session = await server.get_session(sid)
        await server.send(
            {"user": session["user"], "room": session["room"], "body": data["body"]}, room=session["room"]
        )

    return socketio.ASGIApp(server)


if __name__ == "__main__":
    uvicorn.run(
        build_app(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        loop="uvloop",
        backlog=4096,
    )

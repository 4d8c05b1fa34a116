"""The chat of FastAPI tutorials, with rooms and a token: a loop over the sockets of a room, nothing kept."""

import hashlib
import hmac
import json
import sys
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Query, WebSocket, WebSocketDisconnect, WebSocketException, status

SECRET = b"a secret of this benchmark, which guards nothing"


def sign(user: str) -> str:
    """Make the token of a user."""
    return f"{user}.{hmac.new(SECRET, user.encode(), hashlib.sha256).hexdigest()}"


def user_of(token: str) -> str:
    """Believe a token, or refuse the handshake."""
    user, _, _ = token.partition(".")
    if not hmac.compare_digest(token, sign(user)):
        raise WebSocketException(code=status.WS_1008_POLICY_VIOLATION)
    return user


def build_app() -> FastAPI:
    """Put the application together."""
    app = FastAPI()
    rooms: dict[str, list[WebSocket]] = {}

    @app.websocket("/ws/{room}")
    async def chat(websocket: WebSocket, room: str, token: Annotated[str, Query()]) -> None:
        user = user_of(token)
        await websocket.accept()
        connected = rooms.setdefault(room, [])
        connected.append(websocket)
        try:
            while True:
                message: dict[str, Any] = json.loads(await websocket.receive_text())
                text = json.dumps({"user": user, "room": room, "body": message["body"]})
                for client in list(connected):
                    await client.send_text(text)
        except WebSocketDisconnect:
            connected.remove(websocket)

    return app


if __name__ == "__main__":
    uvicorn.run(
        build_app(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        loop="uvloop",
        http="httptools",
        backlog=4096,
    )

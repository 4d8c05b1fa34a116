"""A process that serves a tiny application; `test_runner` starts, signals and watches it.

Usage: runner_process.py MODE, where MODE says what goes wrong. It prints one line for everything that happens.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from api.server import runner

Message = MutableMapping[str, Any]


def say(line: str) -> None:
    """Tell the test, at once."""
    print(line, flush=True)  # noqa: T201 - standard output is how the test hears of it


class Resources:
    """What the lifespan yields: something that can be drained."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.released = asyncio.Event()

    async def drain(self, deadline_s: float) -> None:
        say(f"drain {deadline_s}")
        if self.mode == "drain fails":
            raise LookupError("in the drain")
        if self.mode == "drain hangs":
            await asyncio.Event().wait()
        await self.released.wait()
        say("drained")


class App:
    """An ASGI application: `GET /` answers, `GET /release` also lets the drain end, a socket is accepted and parked."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
        elif scope["type"] == "http":
            if scope["path"] == "/release":
                scope["state"]["resources"].released.set()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})
        else:
            await receive()
            await send({"type": "websocket.accept"})
            await receive()

    async def lifespan(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await receive()
        if self.mode == "start fails":
            await send({"type": "lifespan.startup.failed", "message": "Traceback (most recent call last)"})
            raise LookupError("no such\nfolder")
        if self.mode == "start hangs":
            say("starting")
            await asyncio.Event().wait()
        if self.mode != "no resources":
            scope["state"]["resources"] = Resources(self.mode)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        say("shut down")
        await send({"type": "lifespan.shutdown.complete"})


def main(mode: str) -> None:
    """Serve until a signal."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    runner.DRAIN_MARGIN_S = 0.1  # type: ignore[misc]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    try:
        runner.run_server(
            App(mode),
            sock=listener,
            drain_s=0.25,
            heartbeat_s=25,
            trusted_proxies=[],
            on_started=lambda: say(f"started {listener.getsockname()[1]}"),
        )
    except runner.StartFailedError as error:
        say(f"failed {error.__cause__!r}")
        sys.exit(2)
    say("returned")


if __name__ == "__main__":
    main(sys.argv[1])

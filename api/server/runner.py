"""One server process, from the first request it can answer to its exit."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from types import FrameType
from typing import Any, Final, Protocol, cast

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from api.protocol.frames import CLIENT_FRAME_BYTES_MAX
from api.server.http import ChatHttpProtocol
from api.server.websocket import ChatWebSocketProtocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]

# Longer than the idle time of the usual proxies (60 s): the side that sends requests has to be the one that hangs up.
KEEP_ALIVE_S: Final = 65
# After the drain: what requests and lingering sockets get to finish.
SHUTDOWN_S: Final = 5
# What a drain may take beyond its own deadline before the server ends without it.
DRAIN_MARGIN_S: Final = 2.0


class Drainable(Protocol):
    """What the lifespan yields as `resources`, as far as the server knows it."""

    async def drain(self, deadline_s: float) -> None:
        """Refuse new connections, send the open ones away in turns, be done by the deadline."""


class StartFailedError(Exception):
    """The application did not start; `__cause__` is its exception, if there was one."""


def run_server(
    app: AsgiApplication,
    *,
    sock: socket.socket,
    drain_s: float,
    heartbeat_s: float,
    trusted_proxies: Sequence[str],
    on_started: Callable[[], None],
    ws: type[asyncio.Protocol] | str = ChatWebSocketProtocol,
) -> None:
    """Serve the application on a bound socket until SIGTERM or SIGINT, then drain and return.

    Args:
        sock: bound; it is closed at the end.
        drain_s: the longest drain; SHUTDOWN_S for what is left come on top.
        heartbeat_s: how often another `ws` than ours pings (ours is pinged by its connection).
        trusted_proxies: whose X-Forwarded-For and -Proto count; empty: nobody's.
        on_started: called once, when the first request would be answered.
        ws: the class of a WebSocket connection, or one of uvicorn's names.

    Raises:
        StartFailedError: the application failed to start, or the socket cannot listen.
        SystemExit: a second signal ended the process without a shutdown; the code is 128 + its number.
    """
    witness = StartupWitness(app)
    config = server_config(witness, heartbeat_s=heartbeat_s, trusted_proxies=trusted_proxies, ws=ws)
    server = ChatServer(config, drain_s=drain_s, on_started=on_started)
    try:
        server.run(sockets=[sock])
    except StartFailedError as error:
        raise error from witness.error or error.__cause__
    except asyncio.CancelledError:  # a second signal during the start
        if server.forced_by is None:
            raise
    if server.forced_by is not None:
        raise SystemExit(128 + server.forced_by)


def server_config(
    app: AsgiApplication,
    *,
    heartbeat_s: float,
    trusted_proxies: Sequence[str] = (),
    ws: type[asyncio.Protocol] | str = ChatWebSocketProtocol,
) -> uvicorn.Config:
    """Build uvicorn's configuration, with nothing left to its environment variables."""
    return uvicorn.Config(
        app,
        interface="asgi3",
        loop="uvloop",
        http=ChatHttpProtocol,
        ws=ws,
        ws_max_size=CLIENT_FRAME_BYTES_MAX,
        ws_ping_interval=None if ws is ChatWebSocketProtocol else heartbeat_s,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        backlog=2048,
        workers=1,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


class StartupWitness:
    """An ASGI application whose start-up error is kept, for one clear line in place of a traceback in the log."""

    def __init__(self, app: AsgiApplication) -> None:
        self.app = app
        self.error: BaseException | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            # What is left at the end is cancelled, which uvicorn would log as a fault of the application.
            with contextlib.suppress(asyncio.CancelledError):
                await self.app(scope, receive, send)
            return

        async def send_without_traceback(message: Message) -> None:
            await send({"type": message["type"]} if message["type"] == "lifespan.startup.failed" else message)

        try:
            await self.app(scope, receive, send_without_traceback)
        except BaseException as error:
            self.error = error
            raise


class ChatServer(uvicorn.Server):
    """uvicorn's server with its own way to end: drain, stop, return; a second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, *, drain_s: float, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self.forced_by: int | None = None
        self._drain_s = drain_s
        self._on_started = on_started
        self._is_stopping = False
        self._main: asyncio.Task[Any] | None = None
        self._drain: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Own the signals while serving. uvicorn would raise them again at the end: exit code 143 for a clean stop."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in HANDLED_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in HANDLED_SIGNALS:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._main = asyncio.current_task()
        try:
            await super().startup(sockets=sockets)
        except SystemExit:  # how uvicorn says that the lifespan failed
            raise StartFailedError("the application did not start") from None
        except OSError as error:
            await self.lifespan.shutdown()
            raise StartFailedError(f"cannot listen: {error.strerror}") from error
        if not self.should_exit:
            self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: the first begins the drain, a second one ends the server at once. Call it in the loop."""
        del frame
        if self._is_stopping:
            self._force_exit(sig)
            return
        self._is_stopping = True
        if self.started:
            self._drain = asyncio.get_running_loop().create_task(self._drain_then_exit())
        else:
            self.should_exit = True  # as soon as the start is through

    async def _drain_then_exit(self) -> None:
        """Let the application send its clients away while it still answers them."""
        resources = cast("Drainable | None", self.lifespan.state.get("resources"))
        try:
            if resources is not None:
                async with asyncio.timeout(self._drain_s + DRAIN_MARGIN_S):
                    await resources.drain(self._drain_s)
        except Exception:
            logging.getLogger("uvicorn.error").exception("The drain failed; the sockets that are left get 1012")
        finally:
            self.should_exit = True

    def _force_exit(self, sig: int) -> None:
        self.forced_by = sig
        self.should_exit = self.force_exit = True
        if self._drain is not None:
            self._drain.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if not self.started and self._main is not None:
            self._main.cancel()

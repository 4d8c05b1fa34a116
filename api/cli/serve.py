"""`chat serve`: check everything that can be wrong, then hand over to the server."""

import gc
import resource
import secrets
import socket
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from api import __version__, log_events
from api.cli.data_folder import locked_data_folder
from api.cli.listener import listen, url_of
from api.cli.refusal import Refusal
from config.logging import configure_logging, queue_log_lines
from config.settings import Settings, load_settings

OTHER_FILES: Final = 256  # what the process opens beside its sockets: database, libraries, standard streams


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of CHAT_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, instead of CHAT_PORT.", min=0, max=65535)] = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    from api.cli.database import migrate_database

    given: dict[str, Any] = {"host": host, "port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})

    configure_logging(settings.log_level, settings.log_format, node_id=secrets.token_hex(4))
    log_queue = queue_log_lines()
    with locked_data_folder(settings.data_dir), listen(settings.host, settings.port) as listener:
        allow_open_files(settings.max_connections)
        ensure_secret(settings)
        migrate_database(settings)
        _run(settings, listener, lambda: log_queue.dropped)


def ensure_secret(settings: Settings) -> None:
    """Make the secret of a development server, where none is given and none is kept yet.

    Raises:
        Refusal: it cannot be kept, or what is kept is none.
    """
    from api.security.tokens import SECRET_BYTES_MIN, SECRET_FILE, load_or_create_secret

    if settings.secret_keys:
        return
    path = settings.data_dir / SECRET_FILE
    try:
        load_or_create_secret(settings.data_dir)
    except OSError as error:
        raise Refusal(f"{path} cannot be used ({error.strerror})") from None
    except ValueError:
        raise Refusal(
            f"{path} holds no secret of at least {SECRET_BYTES_MIN} bytes; delete it, and `chat serve` makes another"
        ) from None


def _run(settings: Settings, listener: socket.socket, lines_dropped: Callable[[], int]) -> None:
    from api.app import create_app
    from api.server.runner import StartFailedError, run_server

    begin = time.monotonic()
    where = listener.getsockname()[:2]

    def report_start() -> None:
        log_events.NODE_STARTED.emit(
            url=url_of(*where),
            host=where[0],
            port=where[1],
            version=__version__,
            environment=settings.environment,
            database=str(settings.sqlite_path),
        )

    app = create_app(settings, lines_dropped=lines_dropped)
    # From here on garbage is collected, but not looked for in what has been made so far: that holds the loop for 0.1 s.
    gc.freeze()
    gc.enable()
    try:
        run_server(
            app,
            sock=listener,
            drain_s=settings.drain_seconds,
            heartbeat_s=settings.heartbeat_seconds,
            trusted_proxies=settings.trusted_proxies,
            on_started=report_start,
        )
    except StartFailedError as error:
        cause = error.__cause__ or error
        log_events.NODE_START_FAILED.emit(exc_info=cause)
        raise Refusal(f"the server did not start: {(str(cause).splitlines() or [type(cause).__name__])[0]}") from None
    log_events.NODE_STOPPED.emit(uptime_seconds=round(time.monotonic() - begin, 1))


def allow_open_files(connections: int) -> None:
    """Raise this process's limit of open files to what its sockets need; say so where it cannot be had."""
    needed = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        log_events.NODE_FEW_FILES.emit(limit=allowed, needed=needed)

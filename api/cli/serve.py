"""`chat serve`: check everything that can be wrong, then hand over to the server."""

import errno
import ipaddress
import resource
import secrets
import socket
import time
from typing import Annotated, Any, Final

import typer

from api import __version__, log_events
from api.cli.data_folder import locked_data_folder
from api.cli.refusal import Refusal
from config.logging import configure_logging, queue_log_lines
from config.settings import Settings, load_settings

BACKLOG: Final = 2048
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
    queue_log_lines()
    with locked_data_folder(settings.data_dir), bind(settings.host, settings.port) as listener:
        allow_open_files(settings.max_connections)
        migrate_database(settings)
        _run(settings, listener)


def _run(settings: Settings, listener: socket.socket) -> None:
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

    try:
        run_server(
            create_app(settings),
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


def url_of(host: str, port: int) -> str:
    """Name an address that works from this machine: every interface is no address to go to."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return f"http://{'127.0.0.1' if address.is_unspecified else address}:{port}"
    return f"http://[{'::1' if address.is_unspecified else address}]:{port}"


def bind(host: str, port: int) -> socket.socket:
    """Open the listening socket here, where a port in use can still be one clear line.

    Raises:
        Refusal: what CHAT_HOST and CHAT_PORT name cannot be listened on.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise Refusal(f"CHAT_HOST: {host} is no address of this machine") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Refusal(_why_not(error, host, port)) from None
    listener.setblocking(False)
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"CHAT_PORT: port {port} on {host} is in use"
        case errno.EACCES:
            return f"CHAT_PORT: port {port} needs more rights than this user has"
        case errno.EADDRNOTAVAIL:
            return f"CHAT_HOST: {host} is no address of this machine"
        case _:
            return f"CHAT_HOST, CHAT_PORT: cannot listen on {host}:{port} ({error.strerror})"


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

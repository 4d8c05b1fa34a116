"""One pipeline for every log line: JSON lines on stdout, or readable lines in a terminal.

structlog's events (`api.log_events`) and the lines of the standard library's loggers (uvicorn's among them, as
`server.log`) pass through the same steps, so an operator's tools see one form. `config.log_lines` renders them.
"""

import atexit
import logging
import sys
from typing import Any, Final, Literal, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from config import log_lines
from config.log_output import LineQueue, LineWriter

LogFormat = Literal["auto", "json", "console"]
STDLIB_EVENT: Final = "server.log"
DROPPED_EVENT: Final = "log.lines_dropped"

# Their lines repeat ours, or hold what no log may hold (the values of SQL parameters, at debug and info).
_LEAST_LEVELS: Final = {
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "httpcore2": logging.WARNING,
    "httpx2": logging.WARNING,
    "python_multipart": logging.ERROR,
    "slowapi": logging.ERROR,
    "sqlalchemy": logging.WARNING,
    "websockets": logging.WARNING,
}
# What uvicorn says about its own life and single connections; our events say it better, and with the client's address.
# The lines about WebSockets hold the query string, and so perhaps a ticket.
_UVICORN_NOISE: Final = (
    "Started server process [%d]",
    "Waiting for application startup.",
    "Application startup complete.",
    "Shutting down",
    "Waiting for application shutdown.",
    "Application shutdown complete.",
    "Finished server process [%d]",
    '%s - "WebSocket %s" [accepted]',
    '%s - "WebSocket %s" %d',
    '%s - "WebSocket %s" 403',
    "connection open",
    "connection closed",
    "ASGI callable returned without completing handshake.",  # said of every client that gives up early
    "Cancel %s running task(s), timeout graceful shutdown exceeded",  # each has a line of its own
    "Invalid HTTP request received.",
    "Unsupported upgrade request.",
)


def configure_logging(
    level: str, log_format: LogFormat = "auto", *, node_id: str = "", stream: TextIO | None = None
) -> None:
    """Set up structlog and the standard library's logging for this process; a later call replaces an earlier one.

    Each line is written before the call that logs it returns; see `queue_log_lines`.

    Args:
        level: debug, info, warning or error; libraries are never asked for less than info.
        log_format: auto is console when the stream is a terminal, else json.
        node_id: stands in every line, if given.
        stream: standard output by default.
    """
    out = sys.stdout if stream is None else stream
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    render: Processor = log_lines.console_renderer(colors=out.isatty()) if console else log_lines.render_json
    number = logging.getLevelNamesMapping()[level.upper()]
    steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        log_lines.Stamp(node_id),
        log_lines.structure_exception,
        log_lines.cut_text,
        render,
    ]
    writer = LineWriter(out)
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    _take_over_stdlib(max(number, logging.INFO))


def queue_log_lines(output: TextIO | None = None) -> LineQueue:
    """Let nobody wait for whoever reads the log: from now on a thread writes the lines, in the form configured before.

    What is queued at the interpreter's exit is written first, within `log_output.CLOSE_S`.

    Args:
        output: a file; standard output by default.
    """
    descriptor = (sys.stdout if output is None else output).fileno()
    queue = LineQueue(descriptor, tell_dropped=_dropped_line)
    structlog.configure(logger_factory=lambda *_: queue)
    atexit.register(queue.close)
    return queue


def _dropped_line(lines: int) -> str:
    event: Any = {"event": DROPPED_EVENT, "lines": lines}
    for step in structlog.get_config()["processors"]:
        event = step(None, "warning", event)
    return str(event)


class StdlibHandler(logging.Handler):
    """Pass a library's log record down structlog's pipeline, as an event `server.log`."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.name.startswith("uvicorn") and record.msg in _UVICORN_NOISE:
                return
            fields: dict[str, Any] = {"logger": record.name, "message": _message(record)}
            if record.exc_info:
                fields["exc_info"] = record.exc_info
            logger = cast("FilteringBoundLogger", structlog.get_logger())
            logger.log(max(record.levelno // 10 * 10, logging.DEBUG), STDLIB_EVENT, **fields)
        except Exception:  # noqa: BLE001 - a log line must never break what it tells of
            self.handleError(record)


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 - the arguments of a library's careless call do not fit its text
        text = str(record.msg)
    return log_lines.without_query(text.strip())


def _take_over_stdlib(level: int) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, StdlibHandler)]:
        root.removeHandler(handler)
    root.addHandler(StdlibHandler())
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name, least in _LEAST_LEVELS.items():
        logging.getLogger(name).setLevel(max(level, least))

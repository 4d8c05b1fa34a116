"""The log: one form for all lines, whatever a client, a library or a broken pipe does to it."""

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
import structlog

from config.logging import LogFormat, StdlibHandler, _dropped_line, configure_logging

REPOSITORY = Path(__file__).parents[3]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Leave logging as it was: other tests of this process have their own."""
    root = logging.getLogger()
    level = root.level
    yield
    for handler in [handler for handler in root.handlers if isinstance(handler, StdlibHandler)]:
        root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("info", "json", node_id="n1", stream=stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


def test_a_line_has_time_level_event_and_node(out: io.StringIO) -> None:
    structlog.get_logger().warning("ws.refused", code="invalid_token")
    (line,) = lines(out)
    assert list(line) == ["timestamp", "level", "event", "node_id", "code"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {"level": "warning", "event": "ws.refused", "node_id": "n1", "code": "invalid_token"}


def test_bound_context_is_in_the_line(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1", user_id="u1"):
        structlog.get_logger().info("http.request")
    assert {"request_id": "r1", "user_id": "u1"}.items() <= lines(out)[0].items()


def test_below_the_level_nothing_is_written(out: io.StringIO) -> None:
    structlog.get_logger().debug("ws.connected")
    logging.getLogger("some.library").debug("detail")
    assert out.getvalue() == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "nasty",
    ['a\r\nb"c', "\x1b[2J\x1b]0;title\x07", "\u2028\u2029\x85", "\x9b31m", "\u202egnp.exe", "\ud800", "\x00", "\ufeff"],
)
def test_a_clients_text_cannot_break_the_line_or_the_terminal(log_format: LogFormat, nasty: str) -> None:
    stream = io.StringIO()
    configure_logging("info", log_format, stream=stream)
    structlog.get_logger().info("ws.refused", user_agent=nasty, nested={"list": [nasty]})
    text = stream.getvalue()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    assert text[:-1].isprintable()
    text.encode()
    if log_format == "json":
        assert json.loads(text)["event"] == "ws.refused"


def test_a_long_text_is_cut_at_256_characters(out: io.StringIO) -> None:
    structlog.get_logger().info("ws.refused", origin="x" * 10_000, nested={"deep": ["y" * 10_000]})
    (line,) = lines(out)
    assert line["origin"] == "x" * 255 + "…"
    assert line["nested"] == {"deep": ["y" * 255 + "…"]}


def test_values_that_are_no_json_do_not_stop_the_line(out: io.StringIO) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    structlog.get_logger().info("x.y", big=2**80, nan=float("nan"), data=b"\xff", mute=Mute(), keys={1: 2, (1,): 3})
    (line,) = lines(out)
    assert (line["big"], line["nan"], line["mute"]) == (2**80, "nan", "<Mute>")


def test_something_nested_without_end_is_cut(out: io.StringIO) -> None:
    endless: list[Any] = []
    endless.append(endless)
    structlog.get_logger().info("x.y", endless=endless)
    assert lines(out)[0]["event"] == "x.y"


def test_an_error_is_a_field_with_its_cause_and_without_locals(out: io.StringIO) -> None:
    def fail() -> None:
        password = "hunter2"  # noqa: F841 - the local that must not show
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError("outer") from error

    try:
        fail()
    except RuntimeError as error:
        structlog.get_logger().error("http.error", exc_info=error)
    assert "hunter2" not in out.getvalue()
    exception = lines(out)[0]["exception"]
    assert (exception["type"], exception["message"]) == ("RuntimeError", "outer")
    assert exception["frames"][-1].endswith(" fail")
    assert exception["cause"]["type"] == "KeyError"


def test_what_was_sent_is_not_in_the_message_of_an_error(out: io.StringIO) -> None:
    class Form(pydantic.BaseModel):
        age: int

    try:
        Form.model_validate({"age": "hunter2"})
    except pydantic.ValidationError as error:
        structlog.get_logger().error("http.error", exc_info=error)
    structlog.get_logger().error(
        "http.error", exc_info=RuntimeError("(sqlite3.Error) locked\n[SQL: INSERT ...]\n[parameters: ('hunter2',)]")
    )
    assert "hunter2" not in out.getvalue()
    assert lines(out)[1]["exception"]["message"] == "(sqlite3.Error) locked"


def test_endless_recursion_is_described_in_few_frames(out: io.StringIO) -> None:
    def again() -> None:
        again()

    try:
        again()
    except RecursionError as error:
        structlog.get_logger().error("http.error", exc_info=error)
    assert len(lines(out)[0]["exception"]["frames"]) == 20


def test_a_group_of_errors_shows_its_parts(out: io.StringIO) -> None:
    structlog.get_logger().error("task.failed", exc_info=ExceptionGroup("two", [ValueError("a"), KeyError("b")]))
    assert [part["type"] for part in lines(out)[0]["exception"]["group"]] == ["ValueError", "KeyError"]


def test_a_librarys_line_comes_out_as_server_log(out: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    (line,) = lines(out)
    assert line["event"] == "server.log"
    assert (line["level"], line["logger"]) == ("error", "uvicorn.error")
    assert line["message"] == "Exception in ASGI application"
    assert line["exception"]["message"] == "broken"


def test_dropped_lines_are_told_of_in_a_line_like_any_other(out: io.StringIO) -> None:
    line = json.loads(_dropped_line(7))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {"level": "warning", "event": "log.lines_dropped", "node_id": "n1", "lines": 7}


def test_a_librarys_careless_call_does_not_raise(out: io.StringIO) -> None:
    handler = StdlibHandler()
    handler.emit(logging.LogRecord("some.library", logging.WARNING, "", 1, "%d apples", ("no",), None))
    handler.emit(logging.LogRecord("some.library", 25, "", 1, "between the levels", (), None))
    assert [line["message"] for line in lines(out)] == ["%d apples", "between the levels"]


def test_uvicorns_lines_about_sockets_are_dropped(out: io.StringIO) -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.info('%s - "WebSocket %s" [accepted]', "127.0.0.1:1", "/v1/ws?ticket=hunter2")
    logger.info('%s - "WebSocket %s" 403', "127.0.0.1:1", "/v1/ws?ticket=hunter2")
    logger.info('%s - "WebSocket %s" %d', "127.0.0.1:1", "/v1/ws?ticket=hunter2", 401)
    logger.error("ASGI callable returned without completing handshake.")
    logger.info("connection open")
    assert out.getvalue() == ""


def test_a_query_string_in_a_librarys_line_is_cut(out: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning('Invalid request "GET %s HTTP/1.1"', "/v1/ws?ticket=hunter2&x=1")
    assert lines(out)[0]["message"] == 'Invalid request "GET /v1/ws?... HTTP/1.1"'


@pytest.mark.parametrize("text", ["?ticket=hunter2", "GET ?a=hunter2 x", "/x?hunter2", "a??b=hunter2", "/x?'hunter2'"])
def test_no_query_string_comes_through_whatever_stands_around_it(text: str, out: io.StringIO) -> None:
    logging.getLogger("some.library").warning(text)
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        structlog.get_logger().error("http.error", exc_info=error)
    assert "hunter2" not in out.getvalue()


JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP-mBrIt1Dja4qGGdtR3u"
OPAQUE = "mF_9.B5f-4.1JqM".replace(".", "x") + "q" * 28


@pytest.mark.parametrize("token", [JWT, OPAQUE, JWT + "." + JWT])
@pytest.mark.parametrize(
    "around", ["{}", "Bearer {}", "chat.v1, bearer.{}, x", "https://{}/", "{}" + " x" * 400, "a" * 230 + " {}"]
)
def test_no_token_comes_through_wherever_a_client_puts_it(token: str, around: str, out: io.StringIO) -> None:
    assert len(OPAQUE) == 43
    structlog.get_logger().info(
        "ws.refused", user_agent=around.format(token), nested=[{"origin": around.format(token)}]
    )
    assert token[:20] not in out.getvalue()
    assert "…" in out.getvalue()


def test_ids_and_words_are_no_tokens(out: io.StringIO) -> None:
    shown = {
        "id": "01a20480-3f75-70be-b39d-34f8c5d9c52e",
        "word": "x" * 42,
        "agent": "eyJ is no token",
        "long": "y" * 64,
    }
    structlog.get_logger().info("ws.refused", **shown)
    (line,) = lines(out)
    assert {name: line[name] for name in shown} == shown


@pytest.mark.parametrize("name", ["sqlalchemy.engine", "alembic.runtime", "asyncio", "websockets.server"])
def test_libraries_that_say_too_much_are_quiet(name: str) -> None:
    stream = io.StringIO()
    configure_logging("debug", "json", stream=stream)
    logging.getLogger(name).info("INSERT ... ('hunter2',)")
    assert stream.getvalue() == ""


def test_auto_is_readable_in_a_terminal_and_json_elsewhere() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    configure_logging("info", "auto", stream=terminal)
    structlog.get_logger().info("node.started")
    configure_logging("info", "auto", stream=pipe)
    structlog.get_logger().info("node.started")
    assert "\x1b[" in terminal.getvalue()
    assert json.loads(pipe.getvalue())["event"] == "node.started"


def test_the_console_shows_where_an_error_came_from() -> None:
    stream = io.StringIO()
    configure_logging("info", "console", stream=stream)
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError("outer\nline") from error
    except RuntimeError as error:
        structlog.get_logger().error("http.error", exc_info=error)
    _, *rest = stream.getvalue().splitlines()
    assert rest[1] == r"  RuntimeError: outer\u000aline"
    assert rest[-1] == "  KeyError: 'inner'"


def test_setting_up_twice_writes_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging("info", "json", stream=first)
    configure_logging("info", "json", stream=second)
    logging.getLogger("some.library").warning("once")
    assert (first.getvalue(), len(lines(second))) == ("", 1)


def test_a_closed_stream_does_not_raise() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream)
    stream.close()
    structlog.get_logger().info("node.stopped")
    logging.getLogger("some.library").warning("anybody there?")


def test_a_reader_that_went_away_changes_neither_output_nor_exit_code() -> None:
    script = (
        "import sys, structlog\n"
        "from config.logging import configure_logging\n"
        "configure_logging('info', 'json')\n"
        "sys.stdin.readline()\n"
        "for n in range(3): structlog.get_logger().info('node.stats', n=n)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(b"go\n")
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0

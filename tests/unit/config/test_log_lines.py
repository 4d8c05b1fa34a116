"""The steps of a log line, each by itself; test_logging has them together."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from structlog.typing import EventDict

from config import log_lines
from config.log_lines import TEXT_LIMIT, cut_text, describe_exception, render_json, structure_exception


class Unprintable(Exception):  # noqa: N818 - what it is like is its name
    def __str__(self) -> str:
        raise RuntimeError


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - whatever the test wants
        return caught


def rendered(event: EventDict) -> dict[str, Any]:
    line = render_json(None, "info", event)
    assert isinstance(line, str)
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line)
    return found


def console(event: EventDict) -> str:
    return str(log_lines.console_renderer(colors=False)(None, "info", event))


def test_time_level_event_and_node_come_first() -> None:
    event = log_lines.Stamp("n1")(None, "info", {"b": 1, "event": "a.b", "level": "warning"})
    assert list(event) == ["timestamp", "level", "event", "node_id", "b"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
    assert list(log_lines.Stamp("")(None, "info", {})) == ["timestamp", "level", "event"]


@pytest.mark.parametrize("form", ["error", "triple"])
def test_an_exception_becomes_a_field_of_data(form: str) -> None:
    error = raised(ValueError("wrong"))
    exc_info = error if form == "error" else (type(error), error, error.__traceback__)
    event = structure_exception(None, "error", {"exc_info": exc_info})
    assert (event["exception"]["type"], event["exception"]["message"]) == ("ValueError", "wrong")
    assert event["exception"]["frames"][-1].endswith(" raised")


@pytest.mark.parametrize("nothing", [None, True, False])
def test_where_there_is_no_exception_there_is_no_field(nothing: object) -> None:
    assert structure_exception(None, "error", {"exc_info": nothing}) == {}


def test_causes_contexts_and_groups_are_told_to_a_depth() -> None:
    error: BaseException = ValueError("0")
    for number in range(1, 10):
        following = ValueError(str(number))
        following.__cause__ = error
        error = following
    described, depth = describe_exception(error), 0
    while "cause" in described:
        described, depth = described["cause"], depth + 1
    assert depth == log_lines._CHAIN

    group = describe_exception(ExceptionGroup("both", [KeyError("a"), OSError("b")]))
    assert [part["type"] for part in group["group"]] == ["KeyError", "OSError"]

    careless = ValueError("second")
    careless.__context__ = KeyError("first")
    assert describe_exception(careless)["cause"]["type"] == "KeyError"
    careless.__suppress_context__ = True
    assert "cause" not in describe_exception(careless)


def test_messages_hold_no_values() -> None:
    class Model(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"number": "hunter2"})
    assert describe_exception(caught.value)["message"] == "1 validation errors for Model"
    sql = sqlite3.OperationalError("locked [SQL: INSERT INTO a VALUES (?)]\n[parameters: ('hunter2',)]")
    assert describe_exception(sql)["message"] == "locked"
    assert describe_exception(Unprintable())["message"] == "<unprintable>"


def test_long_text_and_deep_or_wide_values_are_cut() -> None:
    event = cut_text(
        None, "info", {"k" * 400: "v" * 400, "list": list(range(100)), "map": {str(n): n for n in range(100)}}
    )
    (long, kept) = next(iter(event.items()))
    assert (len(long), len(kept), kept[-1]) == (TEXT_LIMIT, TEXT_LIMIT, "…")
    assert (len(event["list"]), len(event["map"])) == (log_lines._ITEMS, log_lines._ITEMS)
    nested: Any = "end"
    for _ in range(30):
        nested = [nested]
    assert len(str(cut_text(None, "info", {"deep": nested})["deep"])) < 2 * TEXT_LIMIT


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        (math.nan, "nan"),
        (b"a\xff", "a�"),
        ({3}, [3]),
        (Unprintable(), "<Unprintable>"),
        ("\ud800", "\\ud800"),
    ],
)
def test_every_value_becomes_one_of_json(value: object, shown: object) -> None:
    assert rendered(cut_text(None, "info", {"value": value})) == {"value": shown}


def test_no_text_breaks_a_line_of_json() -> None:
    text = "a\nb\x85c\u2028d\u202ee\x1b[31m\x7f"
    assert rendered({"text": text}) == {"text": text}


def test_numbers_beyond_64_bits_are_written_in_full() -> None:
    assert rendered({"number": 2**70}) == {"number": 2**70}


def test_no_text_breaks_a_line_on_the_screen() -> None:
    line = console({"event": "a.b", "level": "info", "text": "a\nb\x1b[31m"})
    assert "\n" not in line
    assert "\x1b" not in line


def test_an_exception_on_the_screen_is_in_lines_with_its_cause_and_group() -> None:
    error = raised(ExceptionGroup("both", [KeyError("a\nb")]))
    error.__cause__ = raised(OSError("gone"))
    event = structure_exception(None, "error", {"event": "a.b", "level": "error", "exc_info": error})
    lines = console(event).split("\n")
    assert "  caused by:" in lines
    assert "  OSError: gone" in lines
    assert "  among:" in lines
    assert "b'" not in lines, "a line break in a message is no line break in the log"
    assert console({"event": "a.b", "level": "info", "exception": "none"}).count("\n") == 0


def test_query_strings_in_a_librarys_text_are_taken_out() -> None:
    assert log_lines.without_query('GET /v1/ws?ticket=hunter2 "a"') == 'GET /v1/ws?... "a"'
    assert log_lines.without_query("really? yes") == "really? yes"

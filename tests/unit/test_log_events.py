"""The catalogue of log events."""

import re

import pytest
from structlog.testing import capture_logs

from api import log_events
from api.log_events import CATALOGUE, LogEvent

EVENTS = sorted(CATALOGUE.values(), key=lambda event: event.name)
ALL = [value for value in vars(log_events).values() if isinstance(value, LogEvent)]
# What a line carries anyway, or what structlog takes for itself.
RESERVED = {"timestamp", "level", "event", "node_id", "exc_info"}
FORBIDDEN = {"body", "token", "password", "ticket", "query", "query_string", "url_query", "authorization", "cookie"}


def test_names_are_unique() -> None:
    assert len(ALL) == len(CATALOGUE)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_an_event_is_well_formed(event: LogEvent) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", event.name)
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", field) for field in event.fields)
    assert len(set(event.fields)) == len(event.fields)
    assert not set(event.fields) & (RESERVED | FORBIDDEN)
    assert event.meaning.endswith((".", "`."))
    assert event.action.endswith(".")


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_the_constant_is_named_like_the_event(event: LogEvent) -> None:
    assert getattr(log_events, event.name.replace(".", "_").upper()) is event


def test_emitting_writes_name_level_and_fields() -> None:
    with capture_logs() as lines:
        log_events.WS_REFUSED.emit(code="invalid_token", client="192.0.2.1")
    assert lines == [
        {"event": "ws.refused", "log_level": "warning", "code": "invalid_token", "client": "192.0.2.1"},
    ]


def test_an_exception_is_handed_on() -> None:
    error = RuntimeError("boom")
    with capture_logs() as lines:
        log_events.HTTP_ERROR.emit(path="/v1/rooms", exc_info=error)
    assert lines[0]["exc_info"] is error

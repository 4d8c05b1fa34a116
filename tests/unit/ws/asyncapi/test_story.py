"""The examples of the description tell of every type there is."""

from __future__ import annotations

from typing import get_args

from api.domain.events import EventType
from api.protocol.pushes import PUSHES
from api.ws.asyncapi import story
from api.ws.commands import KNOWN_TYPES, command_adapter


def test_every_type_has_an_example() -> None:
    assert story.command_examples().keys() == KNOWN_TYPES
    assert list(story.push_examples()) == [get_args(push.model_fields["type"].annotation)[0] for push in PUSHES]
    assert story.event_examples().keys() == {event.value for event in EventType}


def test_the_commands_are_understood() -> None:
    for kind, example in story.command_examples().items():
        command = command_adapter().validate_python({"type": kind, "id": "c1", **example.fields})
        assert command.type == kind


def test_the_events_are_those_of_one_log() -> None:
    events = list(story.event_examples().values())
    assert len({event["room_id"] for event in events}) == 1
    assert len({event["seq"] for event in events}) == len(events)


def test_the_errors_differ() -> None:
    errors = story.error_examples()
    assert [error["id"] is None for error in errors.values()] == [False, False, False, True]
    assert "retry_after_ms" in errors["for now"]
    assert errors["fields"]["errors"]

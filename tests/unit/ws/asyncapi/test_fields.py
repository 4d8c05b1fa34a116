"""Schemas in a reader's words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.ws.asyncapi.fields import Schemas

BY_NAME: dict[str, Any] = {
    "Ping": {"properties": {"type": {"const": "ping"}, "id": {"type": "string"}}, "required": ["type", "id"]},
    "PingAck": {"properties": {"result": {"$ref": "#/components/schemas/Time"}}},
    "Time": {"properties": {"now": {"type": "string", "format": "date-time"}}},
    "Room": {"properties": {"id": {"type": "string", "format": "uuid"}}},
    "ErrorCode": {"enum": ["a", "b"]},
    "Event": {"oneOf": []},
    "Mode": {"type": "string", "enum": ["on", "off"]},
}
MESSAGES = [{"payload": {"$ref": f"#/components/schemas/{name}"}} for name in ("Ping", "PingAck")]


def words(field: dict[str, Any]) -> str:
    """Show one field that may not be left out, without its tags."""
    shown = Schemas(BY_NAME, MESSAGES).fields({"properties": {"x": field}, "required": ["x"]})
    return re.sub(r"<[^>]+>", "", shown).removeprefix("x ")


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ({"type": "boolean"}, "boolean"),
        ({"type": "string"}, "string"),
        ({"type": "string", "minLength": 1}, "string, not empty"),
        ({"type": "string", "minLength": 1, "maxLength": 4000}, "string, 1\N{EN DASH}4,000 characters"),
        ({"type": "string", "maxLength": 64}, "string, 0\N{EN DASH}64 characters"),
        ({"type": "string", "minLength": 3}, "string, at least 3 characters"),
        ({"type": "string", "format": "uuid"}, "UUID"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "integer, 1\N{EN DASH}200, default 50"),
        ({"type": "integer", "minimum": 0, "maximum": 2**53 - 1}, "integer, at least 0"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, "string or null"),
        ({"const": "ping"}, "&quot;ping&quot;"),
        ({"enum": ["a", "b"]}, "&quot;a&quot; or &quot;b&quot;"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Room"}}, "list of Room"),
        ({"$ref": "#/components/schemas/Mode"}, "&quot;on&quot; or &quot;off&quot;"),
        ({"allOf": [{"$ref": "#/components/schemas/Room"}], "description": "Where `it` is."}, "RoomWhere it is."),
    ],
)
def test_a_type_in_words(field: dict[str, Any], shown: str) -> None:
    assert words(field) == shown


def test_a_field_that_may_be_left_out_says_so() -> None:
    schemas = Schemas(BY_NAME, MESSAGES)
    assert "optional" in schemas.fields({"properties": {"x": {"type": "string"}}})
    assert "optional" not in schemas.fields({"properties": {"x": {"type": "string"}}, "required": ["x"]})


def test_objects_lead_to_their_place_on_the_page() -> None:
    schemas = Schemas(BY_NAME, MESSAGES)
    assert schemas.shown == ["Room"], "not the payloads of messages, nor the results in them"
    for name, place in (("Room", "Room"), ("Event", "events"), ("ErrorCode", "error-codes")):
        shown = schemas.fields({"properties": {"x": {"$ref": f"#/components/schemas/{name}"}}})
        assert f'<a href="#{place}">{name}</a>' in shown


def test_fields_can_be_chosen() -> None:
    schemas = Schemas(BY_NAME, MESSAGES)
    ping = {"$ref": "#/components/schemas/Ping"}
    assert re.findall(r"<dt><code>(\w+)", schemas.fields(ping)) == ["type", "id"]
    assert re.findall(r"<dt><code>(\w+)", schemas.fields(ping, without=frozenset({"type"}))) == ["id"]
    assert re.findall(r"<dt><code>(\w+)", schemas.fields(ping, only=frozenset({"type"}))) == ["type"]
    assert schemas.fields({"properties": {}}) == ""

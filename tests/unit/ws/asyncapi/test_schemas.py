"""Pydantic's schemas as AsyncAPI reads them."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from api.protocol.events import EVENTS, Event
from api.ws.asyncapi.schemas import frame_schemas, unwrapped


class Inner(BaseModel):
    """The inner one.

    And more,
    over two lines.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"z": 1, "a": {"$ref": "no reference"}}]})
    kind: Literal["inner"]


class Outer(BaseModel):
    plain: Inner
    told: Annotated[Inner, Field(description="What it is for.")]
    event: Event


def test_a_reference_stands_alone() -> None:
    references, schemas = frame_schemas([Outer, *EVENTS])
    assert references[Outer] == {"$ref": "#/components/schemas/Outer"}
    properties = schemas["Outer"]["properties"]
    assert properties["plain"] == {"$ref": "#/components/schemas/Inner"}
    assert properties["told"] == {
        "description": "What it is for.",
        "allOf": [{"$ref": "#/components/schemas/Inner"}],
    }


def test_any_event_is_one_schema() -> None:
    references, schemas = frame_schemas([Outer, *EVENTS])
    assert schemas["Outer"]["properties"]["event"] == {"$ref": "#/components/schemas/Event"}
    assert schemas["Event"]["oneOf"] == [references[event] for event in EVENTS]


def test_examples_stay_as_they_are_written() -> None:
    _, schemas = frame_schemas([Inner, *EVENTS])
    assert list(schemas["Inner"]["examples"][0].items()) == [("z", 1), ("a", {"$ref": "no reference"})]


def test_fields_have_no_title_that_repeats_their_name() -> None:
    _, schemas = frame_schemas([Inner, *EVENTS])
    assert schemas["Inner"]["title"] == "Inner"
    assert "title" not in schemas["Inner"]["properties"]["kind"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [("one", "one"), ("one\ntwo", "one two"), ("one\n\ntwo\nthree", "one\n\ntwo three"), ("", "")],
)
def test_a_paragraph_is_one_line(text: str, lines: str) -> None:
    assert unwrapped(text) == lines


def test_descriptions_are_paragraphs() -> None:
    _, schemas = frame_schemas([Inner, *EVENTS])
    assert schemas["Inner"]["description"] == "The inner one.\n\nAnd more, over two lines."

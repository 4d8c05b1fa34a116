"""Each event of a log has a model; that the encoder writes them is in test_frames."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from api.domain.events import EventType
from api.protocol.events import EVENTS, Event
from api.ws.asyncapi.story import event_examples

ANY: TypeAdapter[Any] = TypeAdapter(Event)
TYPES = [get_args(model.model_fields["type"].annotation)[0] for model in EVENTS]


def test_there_is_one_model_for_each_type() -> None:
    assert sorted(TYPES) == sorted(event.value for event in EventType)


def test_the_union_has_them_all() -> None:
    union, _discriminator = get_args(Event)
    assert get_args(union) == EVENTS


@pytest.mark.parametrize(("kind", "model"), list(zip(TYPES, EVENTS, strict=True)))
def test_an_event_is_read_by_its_type(kind: str, model: type) -> None:
    assert type(ANY.validate_python(event_examples()[kind])) is model


@pytest.mark.parametrize("kind", ["room.burnt", "", None])
def test_an_unknown_type_is_no_event(kind: str | None) -> None:
    with pytest.raises(ValidationError):
        ANY.validate_python(event_examples()["room.deleted"] | {"type": kind})

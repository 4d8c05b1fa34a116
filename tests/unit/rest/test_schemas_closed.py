"""Nobody makes himself an admin by sending a field more: what a body does not list, it does not take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.app import create_app
from api.rest.schemas import RequestBody
from config.settings import Settings

NAMES = st.sampled_from(["role", "is_admin", "id", "verified", "status", "created_at", "__proto__"]) | st.text()


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the schema of every request body that the application documents, by its operation."""
    document = create_app(Settings.load(None)).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schema = content["schema"]
                # A body that may be left out is documented as the model or null.
                (name,) = (part["$ref"].rpartition("/")[2] for part in schema.get("anyOf", [schema]) if "$ref" in part)
                yield f"{method.upper()} {path}", document["components"]["schemas"][name]


def models(below: type[RequestBody]) -> Iterator[type[RequestBody]]:
    for model in below.__subclasses__():
        yield model
        yield from models(model)


def test_every_body_is_documented_as_closed() -> None:
    closed = {operation: schema["additionalProperties"] for operation, schema in bodies()}
    assert len(closed) > 10
    assert set(closed.values()) == {False}


def test_every_body_is_one_that_is_closed() -> None:
    """The documents above are made from these models."""
    assert {schema["title"] for _, schema in bodies()} <= {model.__name__ for model in models(RequestBody)}


@given(name=NAMES, value=st.none() | st.booleans() | st.text() | st.integers())
def test_no_unknown_field_is_ever_taken(name: str, value: object) -> None:
    for model in models(RequestBody):
        if name in model.model_fields:
            continue
        with pytest.raises(ValidationError) as refused:
            model.model_validate({name: value})
        assert ("extra_forbidden", (name,)) in {(error["type"], error["loc"]) for error in refused.value.errors()}

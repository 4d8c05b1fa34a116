"""The JSON Schemas of the frames as AsyncAPI 3.0 reads them: draft-07, without the words that are OpenAPI's own."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from api.protocol.events import EVENTS
from api.protocol.frames import Json

_REF: Final = "#/components/schemas/{model}"
_EVENT: Final = "Event"


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - Pydantic's
        """Leave out what only repeats the field's name."""
        return False

    def sort(self, value: Any, parent_key: str | None = None) -> Any:  # noqa: ANN401, ARG002 - Pydantic's
        """Leave examples in the order that they were written in."""
        return value


def frame_schemas(models: Iterable[type[BaseModel]]) -> tuple[Mapping[type[BaseModel], Json], dict[str, Json]]:
    """Give a reference to the schema of each model, and all schemas by their names."""
    of = list(models)
    refs, made = models_json_schema(
        [(model, "validation") for model in of], ref_template=_REF, schema_generator=_Generator
    )
    schemas = {name: _adapted(schema) for name, schema in made["$defs"].items()}
    by_model = {model: refs[model, "validation"] for model in of}
    schemas[_EVENT] = {
        "title": _EVENT,
        "description": "One entry of a room's log, of any type.",
        "oneOf": [by_model[event] for event in EVENTS],
    }
    return by_model, dict(sorted(schemas.items()))


def unwrapped(text: str) -> str:
    """Give each paragraph of a docstring in one line."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


def _adapted(node: Any) -> Any:  # noqa: ANN401 - JSON is any
    if isinstance(node, list):
        return [_adapted(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "discriminator" in node:
        # There it names schemas after the values, which is not how types are called here. Only events have one.
        return {"$ref": _REF.format(model=_EVENT)}
    adapted = {name: _adapted(value) for name, value in node.items() if name != "examples"}
    if "examples" in node:
        adapted["examples"] = node["examples"]
    if isinstance(node.get("description"), str):
        adapted["description"] = unwrapped(node["description"])
    if "$ref" in adapted and len(adapted) > 1:
        # Draft-07 ignores what stands beside a reference.
        adapted["allOf"] = [{"$ref": adapted.pop("$ref")}]
    return adapted

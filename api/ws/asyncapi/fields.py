"""The fields of a schema as a reader wants them: name, type in words, whether it optional, what it means."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.protocol.frames import Json
from api.ws.asyncapi.markup import Markup, inline, join, tag

_SECTIONS = {"Event": "events", "ErrorCode": "error-codes"}
_FORMATS = {"uuid": "UUID", "date-time": "time"}


class Schemas:
    """The schemas of a document, by their names.

    Args:
        messages: whose payloads are shown with them. The other objects have a place of their own, `shown`; fields of
            that type lead there.
    """

    def __init__(self, by_name: Mapping[str, Json], messages: Iterable[Json]) -> None:
        self.by_name = by_name
        elsewhere: set[str] = set()
        for message in messages:
            name = _name(message["payload"]["$ref"])
            elsewhere.add(name)
            result = by_name[name]["properties"].get("result")
            if result is not None:
                elsewhere.add(_name(result["$ref"]))
        self.shown = [name for name, schema in by_name.items() if "properties" in schema and name not in elsewhere]

    def resolve(self, schema: Json) -> Json:
        """Follow a reference."""
        reference = schema.get("$ref")
        return schema if reference is None else self.by_name[_name(reference)]

    def fields(
        self, schema: Json, *, without: frozenset[str] = frozenset(), only: frozenset[str] = frozenset()
    ) -> Markup:
        """List the fields of an object: all `without` some, or some `only`."""
        resolved = self.resolve(schema)
        required = set(resolved.get("required", []))
        rows = [
            join([self._term(name, field, is_required=name in required), self._meaning(field)])
            for name, field in resolved.get("properties", {}).items()
            if name not in without and (not only or name in only)
        ]
        return tag("dl", *rows, class_="fields") if rows else Markup()

    def _term(self, name: str, field: Json, *, is_required: bool) -> Markup:
        parts: list[str] = [tag("code", name), " ", tag("span", self._type(field), class_="type")]
        if not is_required:
            parts += [" ", tag("span", "optional", class_="optional")]
        return tag("dt", *parts)

    def _meaning(self, field: Json) -> Markup:
        description = field.get("description")
        return tag("dd", inline(description)) if description else Markup()

    def _type(self, field: Json) -> Markup:
        if "$ref" in field:
            return self._link(_name(field["$ref"]))
        for union in ("anyOf", "allOf", "oneOf"):
            if union in field:
                return _either([self._type(part) for part in field[union]])
        if "const" in field:
            return tag("code", f'"{field["const"]}"')
        if "enum" in field:
            return _either([tag("code", f'"{value}"') for value in field["enum"]])
        if field["type"] == "array":
            return join(["list of ", self._type(field["items"])])
        kind: str = field["type"]
        return join([_FORMATS.get(field.get("format", ""), kind), _bounds(field)])

    def _link(self, name: str) -> Markup:
        if name in _SECTIONS:
            return tag("a", name, href=f"#{_SECTIONS[name]}")
        return tag("a", name, href=f"#{name}") if name in self.shown else self._type(self.by_name[name])


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _either(parts: list[Markup]) -> Markup:
    joined: list[str] = []
    for part in parts:
        joined += [" or ", part] if joined else [part]
    return join(joined)


def _bounds(field: Mapping[str, Any]) -> str:
    texts = []
    if field.get("minLength") == 1 and "maxLength" not in field:
        texts.append("not empty")
    elif "minLength" in field or "maxLength" in field:
        texts.append(_range(field.get("minLength", 0), field.get("maxLength")) + " characters")
    if "minimum" in field or "maximum" in field:
        texts.append(_range(field.get("minimum", 0), field.get("maximum")))
    if field.get("default") is not None:
        texts.append(f"default {field['default']}")
    return "".join(f", {text}" for text in texts)


def _range(least: int, most: int | None) -> str:
    if most is None or most > 10**9:
        return f"at least {least:,}"
    return f"{least:,}\N{EN DASH}{most:,}"

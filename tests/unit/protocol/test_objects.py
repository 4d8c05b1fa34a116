"""What the models of the wire say beyond their fields; that the encoders write them is in test_frames."""

from __future__ import annotations

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from api.protocol.objects import leave_out


class Refusal(BaseModel):
    wait_ms: int | SkipJsonSchema[None] = Field(default=None, json_schema_extra=leave_out)


def test_a_field_that_is_left_out_is_described_as_neither_null_nor_default() -> None:
    schema = Refusal.model_json_schema()
    assert schema["properties"]["wait_ms"] == {"title": "Wait Ms", "type": "integer"}
    assert "required" not in schema

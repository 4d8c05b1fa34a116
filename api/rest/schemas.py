"""What REST requests have in common: how bodies and paths are read.

Handlers answer with what `api.protocol.frames` writes; the models of `api.protocol.objects` document it in OpenAPI.
"""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict

from api.protocol import examples
from api.protocol.fields import Id

RoomId = Annotated[Id, Path(description="The room.", examples=[examples.ROOM_ID])]
UserId = Annotated[Id, Path(description="The user.", examples=[examples.USER_ID])]
MessageId = Annotated[Id, Path(description="The message.", examples=[examples.MESSAGE_ID])]
SessionId = Annotated[Id, Path(description="The session.", examples=[examples.SESSION_ID])]


def may_be_absent(schema: dict[str, Any]) -> None:
    """Document a field that is None where it is absent: it cannot be sent as null."""
    (present,) = (way for way in schema.pop("anyOf") if way != {"type": "null"})
    schema.pop("default", None)
    schema.update(present)


class RequestBody(BaseModel):
    """A request's fields: one that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

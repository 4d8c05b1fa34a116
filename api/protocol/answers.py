"""What the answers to commands look like on the wire, `ack` and `error`; `api.protocol.frames` writes them."""

from typing import Literal

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import SkipJsonSchema

from api.domain.errors import ErrorCode
from api.protocol.events import EventPage
from api.protocol.fields import CommandId, Id
from api.protocol.objects import FieldProblem, Message, Timestamp, leave_out


class SentMessage(BaseModel):
    """The message that there is now."""

    message: Message
    duplicate: bool = Field(description="An earlier command made the message; then the ack stands for no event.")


class ChangedMessage(BaseModel):
    """The message as it is now."""

    message: Message


class InRoom(BaseModel):
    """Something of a room."""

    room_id: Id


class HistoryPage(EventPage, InRoom):
    """A page of a room's log."""


class ReadState(InRoom):
    """Where the mark is now; it never goes back."""

    read_seq: int


class Nothing(BaseModel):
    """An empty object: there is nothing to say."""


class TokenExpiry(BaseModel):
    """Until when the connection lives."""

    expires_at: Timestamp


class ServerTime(BaseModel):
    """The server's clock."""

    server_time: Timestamp


class Ack(BaseModel):
    """The command was carried out; `result` depends on it."""

    type: Literal["ack"]
    id: CommandId = Field(description="The command's.")


def ack_of(result: type[BaseModel]) -> type[Ack]:
    """Build the model of the acks that hold this result."""
    return create_model(f"{result.__name__}Ack", __base__=Ack, __doc__="The command was carried out.", result=result)


class Error(BaseModel):
    """The command was refused, or the frame was none. The connection lives on. Go by `code`."""

    type: Literal["error"]
    id: CommandId | None = Field(description="The command's; null where the frame has no valid one.")
    code: ErrorCode
    detail: str = Field(description="For people; may be reworded.")
    retryable: bool = Field(description="The same command may succeed later.")
    retry_after_ms: int | SkipJsonSchema[None] = Field(
        default=None, description="There when the server knows when.", json_schema_extra=leave_out
    )
    errors: list[FieldProblem] | SkipJsonSchema[None] = Field(
        default=None, description="The refused fields of a `validation_error`.", json_schema_extra=leave_out
    )

"""Validation: bytes to a command, or the error that says what is wrong with them.

REST bodies are validated by FastAPI; what it refuses is worded in `errors`. This is the message door.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from api.domain.errors import ChatError, ErrorCode, FieldError
from api.middleware.errors import FIELDS_MAX, field_errors, repeated_field, too_many_fields
from api.protocol.codec import repeated_key
from api.protocol.fields import COMMAND_ID_CHARS_MAX

_TYPE_IS_MISSING = FieldError(loc=["type"], msg="Field required", type="missing")
_TYPE_IS_NO_STRING = FieldError(loc=["type"], msg="Input should be a valid string", type="string_type")

Command = TypeVar("Command", bound=BaseModel)


class InvalidCommandError(Exception):
    """A frame that is no command; `command_id` is its id where it has a valid one."""

    def __init__(self, command_id: str | None, error: ChatError) -> None:
        super().__init__(error.code.value)
        self.command_id = command_id
        self.error = error


def parse_command(adapter: TypeAdapter[Command], known_types: frozenset[str], data: bytes, *, text: bool) -> Command:
    """Read one command; the fast path is one pass over the bytes.

    Raises:
        InvalidCommandError: `invalid_frame`, `unknown_type` or `validation_error`.
    """
    if not text:
        raise InvalidCommandError(None, _invalid_frame("Binary frames are not understood; send JSON text."))
    try:
        command = adapter.validate_json(data)
    except ValidationError as error:
        # Only a frame that failed is looked at twice: its id is wanted for the answer.
        raise _explain(error, adapter, known_types, data) from None
    repeated = repeated_key(data, len(command.model_fields_set), vars(command).values())
    if repeated is not None:
        # A command with two ids has none that the answer could carry.
        raise _not_valid(None if repeated == "id" else vars(command)["id"], [repeated_field(repeated)])
    return command


def _explain(
    error: ValidationError, adapter: TypeAdapter[Any], known_types: frozenset[str], data: bytes
) -> InvalidCommandError:
    try:
        frame: Any = _read_generously(data)
    except (ValueError, RecursionError):
        return InvalidCommandError(None, _invalid_frame("The frame is no JSON."))
    if not isinstance(frame, dict):
        return InvalidCommandError(None, _invalid_frame("The frame is no JSON object."))
    command_id = frame.get("id")
    if not isinstance(command_id, str) or not 0 < len(command_id) <= COMMAND_ID_CHARS_MAX or not _is_text(command_id):
        command_id = None
    command_type = frame.get("type")
    if not isinstance(command_type, str):
        return _not_valid(command_id, [_TYPE_IS_NO_STRING if "type" in frame else _TYPE_IS_MISSING])
    if command_type not in known_types:
        return InvalidCommandError(command_id, ChatError(ErrorCode.UNKNOWN_TYPE, "There is no such command."))
    if len(frame) > FIELDS_MAX:
        # What Pydantic found in it is cheap until it is put into words.
        return _not_valid(command_id, [too_many_fields()])
    errors = field_errors(_field_by_field(error, adapter, frame))
    for one in errors:
        if one["loc"] and one["loc"][0] == command_type:
            one["loc"] = one["loc"][1:]
    return _not_valid(command_id, errors)


def _not_valid(command_id: str | None, errors: Sequence[FieldError]) -> InvalidCommandError:
    return InvalidCommandError(
        command_id, ChatError(ErrorCode.VALIDATION_ERROR, "The command is not valid.", errors=errors)
    )


def _read_generously(data: bytes) -> Any:  # noqa: ANN401 - JSON is any
    """Read also JSON whose text no UTF-8 can carry (a lone surrogate): it is a bad field, not a bad frame."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(data.decode(), parse_constant=refuse)


def _field_by_field(error: ValidationError, adapter: TypeAdapter[Any], frame: Any) -> Sequence[Any]:  # noqa: ANN401
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        try:
            adapter.validate_python(frame)
        except ValidationError as by_field:
            return by_field.errors(include_url=False, include_input=False, include_context=False)
    return found


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _invalid_frame(detail: str) -> ChatError:
    return ChatError(ErrorCode.INVALID_FRAME, detail)

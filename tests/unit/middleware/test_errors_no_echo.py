"""What is refused is never repeated: a canary in every field of every command and of every REST body and query."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from pydantic import BaseModel, ValidationError

from api.domain.errors import FieldError
from api.middleware.errors import field_errors
from api.middleware.validation import InvalidCommandError, parse_command
from api.rest import auth, members, messages, rooms, users
from api.rest.schemas import RequestBody
from api.ws.commands import COMMANDS, KNOWN_TYPES, command_adapter

CANARY: Final = "canary"
VALUES: Final[dict[str, Any]] = {
    "text": CANARY,
    "long text": f"{CANARY} " * 2_000,
    "text with a control character": f"{CANARY}\u0000",
    "text with a surrogate": f"{CANARY}\ud800",
    "an array": [CANARY],
    "an object": {CANARY: CANARY},
    "a number in text": f"0x{CANARY}",
}
ADAPTER: Final = command_adapter()


def refused(frame: dict[str, Any]) -> InvalidCommandError | None:
    try:
        parse_command(ADAPTER, KNOWN_TYPES, json.dumps(frame).encode(), text=True)
    except InvalidCommandError as invalid:
        return invalid
    return None


def errors_of(model: type[BaseModel], fields: dict[str, Any]) -> list[FieldError]:
    try:
        model.model_validate(fields)
    except ValidationError as error:
        return field_errors(error.errors())
    return []


def models(below: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in below.__subclasses__():
        yield model
        yield from models(model)


@pytest.mark.parametrize("how", VALUES)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_field_of_a_command_is_repeated(command: type[BaseModel], how: str) -> None:
    (command_type,) = KNOWN_TYPES & {str(command.model_fields["type"].annotation).split("'")[1]}
    for field in (*command.model_fields, "unknown"):
        invalid = refused({"id": "a", "type": command_type, field: VALUES[how]})
        if invalid is not None:
            assert CANARY not in f"{invalid.error.detail} {invalid.error.errors}", field


@pytest.mark.parametrize("kind", [[CANARY], {CANARY: CANARY}, [[CANARY]], None, True, 7, 1.5])
def test_a_type_that_is_no_string_is_refused_in_our_own_words(kind: object) -> None:
    invalid = refused({"id": "a", "type": kind})
    assert invalid is not None
    assert (invalid.command_id, invalid.error.code) == ("a", "validation_error")
    assert invalid.error.errors == [{"loc": ["type"], "msg": "Input should be a valid string", "type": "string_type"}]


def test_a_type_that_is_not_there_is_missing() -> None:
    invalid = refused({"id": "a"})
    assert invalid is not None
    assert invalid.error.errors == [{"loc": ["type"], "msg": "Field required", "type": "missing"}]


@pytest.mark.parametrize("how", VALUES)
def test_no_field_of_a_body_or_a_query_is_repeated(how: str) -> None:
    assert all((auth, members, messages, rooms, users)), "they define the models"
    found = list(models(RequestBody))
    assert len(found) > 10
    for model in found:
        for field in (*model.model_fields, "unknown"):
            assert CANARY not in str(errors_of(model, {field: VALUES[how]})), (model, field)


def test_a_message_that_is_not_known_to_be_plain_is_not_passed_on() -> None:
    (error,) = field_errors([{"loc": ("body", "at"), "type": "datetime_parsing", "msg": f"cannot read {CANARY}"}])
    assert error == {"loc": ["body", "at"], "type": "datetime_parsing", "msg": "is not valid"}


def test_the_name_of_an_unknown_field_is_cut() -> None:
    invalid = refused({"id": "a", "type": "ping", "x" * 1_000: 1})
    assert invalid is not None
    assert [error["loc"] for error in invalid.error.errors] == [["x" * 64]]

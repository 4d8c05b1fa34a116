"""Answers have models, and the encoders write what they say."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from api.domain.errors import ChatError, ErrorCode, invalid
from api.domain.models import Message, UserRef
from api.protocol import frames
from api.protocol.answers import Ack, Error, Nothing, SentMessage, ServerTime, ack_of

ID = "01980000-0000-7000-8000-000000000001"
MESSAGE = Message(ID, ID, 3, 4, UserRef(ID, "ada", "Ada"), "hello", None, 1_795_324_320_123, None, None)


def strict(model: type[BaseModel]) -> type[BaseModel]:
    return type(f"Strict{model.__name__}", (model,), {"model_config": ConfigDict(extra="forbid", strict=True)})


@pytest.mark.parametrize("duplicate", [False, True])
def test_the_ack_of_a_message_is_written_as_its_model_says(*, duplicate: bool) -> None:
    frame = orjson.loads(frames.message_ack("c1", MESSAGE, duplicate=duplicate))
    assert strict(ack_of(SentMessage)).model_validate(frame).model_dump() == frame


def test_acks_differ_in_their_result() -> None:
    for result in (SentMessage, ServerTime, Nothing):
        model = ack_of(result)
        assert issubclass(model, Ack)
        assert model.__name__ == f"{result.__name__}Ack"
        assert model.model_fields["result"].annotation is result
        assert list(model.model_fields) == ["type", "id", "result"]
    with pytest.raises(ValidationError):
        ack_of(ServerTime).model_validate({"type": "ack", "id": "c1", "result": {}})


ERRORS: dict[str, Any] = {
    "plain": frames.error("c1", ChatError(ErrorCode.NOT_FOUND, "There is no such room.")),
    "without a command": frames.error(None, ChatError(ErrorCode.INVALID_FRAME, "The frame is no JSON.")),
    "to be repeated": frames.error("c1", ChatError(ErrorCode.RATE_LIMITED, "Later.", retry_after_ms=0)),
    "with fields": frames.error("c1", invalid(["items", 0, "seq"], "is too high")),
}


@pytest.mark.parametrize("payload", ERRORS.values(), ids=list(ERRORS))
def test_an_error_is_written_as_its_model_says(payload: bytes) -> None:
    frame = orjson.loads(payload)
    read = Error.model_validate(frame)
    assert read.model_dump(mode="json", exclude_unset=True) == frame


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_may_have_any_code_of_the_list(code: ErrorCode) -> None:
    assert Error.model_validate_json(frames.error("c1", ChatError(code, "Because."))).code is code

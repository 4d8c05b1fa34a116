"""The fields that clients fill in, over REST and on sockets alike: one rule, whatever carried it."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from api.domain.text import (
    BODY_CHARS,
    DISPLAY_NAME_CHARS,
    NOTE_CHARS,
    PASSWORD_CHARS_MAX,
    ROOM_NAME_CHARS,
    USERNAME_CHARS,
    check_password,
    clean_body,
    clean_display_name,
    clean_note,
    clean_room_name,
    clean_username,
)

SEQ_MAX = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259 §6)."""

PAGE_LIMIT_MAX = 200
PAGE_LIMIT_DEFAULT = 50

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def canonical_id(text: str) -> str:
    """Return an id in the one form it has in the house; raises ValueError for what is no id."""
    lowered = text.lower()
    if not _UUID.fullmatch(lowered):
        raise ValueError("must be a UUID")
    return lowered


def _text(shortest: int, longest: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": shortest, "maxLength": longest})


Id = Annotated[str, AfterValidator(canonical_id), WithJsonSchema({"type": "string", "format": "uuid"})]
Username = Annotated[str, AfterValidator(clean_username), _text(*USERNAME_CHARS)]
DisplayName = Annotated[str, AfterValidator(clean_display_name), _text(*DISPLAY_NAME_CHARS)]
Password = Annotated[str, AfterValidator(check_password), Field(repr=False), _text(1, PASSWORD_CHARS_MAX)]
RoomName = Annotated[str, AfterValidator(clean_room_name), _text(*ROOM_NAME_CHARS)]
Note = Annotated[str, AfterValidator(clean_note), _text(*NOTE_CHARS)]
Body = Annotated[str, AfterValidator(clean_body), _text(*BODY_CHARS)]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
Seq = Annotated[int, Field(ge=0, le=SEQ_MAX)]
Epoch = Annotated[str, Field(min_length=1, max_length=64)]
PageLimit = Annotated[int, Field(ge=1, le=PAGE_LIMIT_MAX)]

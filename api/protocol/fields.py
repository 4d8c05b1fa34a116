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
from api.protocol import examples

SEQ_MAX = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259 §6)."""

PAGE_LIMIT_MAX = 200
PAGE_LIMIT_DEFAULT = 50

COMMAND_ID_CHARS_MAX = 64

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def canonical_id(text: str) -> str:
    """Return an id in the one form it has in the house; raises ValueError for what is no id."""
    lowered = text.lower()
    if not _UUID.fullmatch(lowered):
        raise ValueError("must be a UUID")
    return lowered


# What `api.domain.text` refuses, for readers of the schema: controls, and the marks that reorder text on screen. No
# surrogates: no UTF-8 has them, and not every reader's patterns can.
_REFUSED_LINE = r"\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069"
_REFUSED_BODY = _REFUSED_LINE.replace(r"\u0000-\u001f", r"\u0000-\u0008\u000b-\u001f")
_ANY_BUT_NUL = r"^[^\u0000]*$"


def _text(chars: tuple[int, int], pattern: str) -> WithJsonSchema:
    shortest, longest = chars
    return WithJsonSchema({"type": "string", "minLength": shortest, "maxLength": longest, "pattern": pattern})


def _not_blank(refused: str) -> str:
    return rf"^[^{refused}]*[^\s{refused}][^{refused}]*$"


Id = Annotated[
    str,
    AfterValidator(canonical_id),
    WithJsonSchema({"type": "string", "format": "uuid", "examples": [examples.ROOM_ID]}),
]
Username = Annotated[str, AfterValidator(clean_username), _text(USERNAME_CHARS, r"^[a-zA-Z0-9_.-]+$")]
DisplayName = Annotated[str, AfterValidator(clean_display_name), _text(DISPLAY_NAME_CHARS, _not_blank(_REFUSED_LINE))]
Password = Annotated[
    str,
    AfterValidator(check_password),
    Field(repr=False),
    _text((0, PASSWORD_CHARS_MAX), _ANY_BUT_NUL),
]
# How long it has to be, and which ones are too common, is for `PasswordPolicy` to say; 8 is the least of any server.
NewPassword = Annotated[Password, _text((8, PASSWORD_CHARS_MAX), _ANY_BUT_NUL)]
RoomName = Annotated[str, AfterValidator(clean_room_name), _text(ROOM_NAME_CHARS, _not_blank(_REFUSED_LINE))]
Note = Annotated[str, AfterValidator(clean_note), _text(NOTE_CHARS, rf"^[^{_REFUSED_LINE}]*$")]
Body = Annotated[str, AfterValidator(clean_body), _text(BODY_CHARS, _not_blank(_REFUSED_BODY))]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
CommandId = Annotated[str, Field(min_length=1, max_length=COMMAND_ID_CHARS_MAX)]
Seq = Annotated[int, Field(ge=0, le=SEQ_MAX)]
Epoch = Annotated[str, Field(min_length=1, max_length=64)]
PageLimit = Annotated[int, Field(ge=1, le=PAGE_LIMIT_MAX)]

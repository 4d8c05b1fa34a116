"""What text may be: one rule for every door, whatever carried it. Each function raises ValueError with the reason."""

import re
import unicodedata

USERNAME_CHARS = (3, 32)
DISPLAY_NAME_CHARS = (1, 64)
ROOM_NAME_CHARS = (1, 64)
NOTE_CHARS = (0, 256)
BODY_CHARS = (1, 4000)
PASSWORD_CHARS_MAX = 256

_USERNAME = re.compile(r"[a-zA-Z0-9_.-]+")
_RESERVED_USERNAME = re.compile(r"deleted-[0-9a-f]{8}", re.IGNORECASE)
# Space as people mean it. The other "whitespace" of str.strip() (U+001C and friends) is control characters, refused.
_SPACE = "".join(
    c for c in map(chr, range(0x3001)) if c.isspace() and (c in "\t\n\r" or unicodedata.category(c) != "Cc")
)
# Controls, surrogates (text that no UTF-8 can carry), and the marks that reorder other people's text on screen.
_REFUSED_LINE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_REFUSED_BODY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_REFUSED_PASSWORD = re.compile("[\x00\ud800-\udfff]")


def _clean(text: str, chars: tuple[int, int], refused: re.Pattern[str]) -> str:
    text = text.replace("\r\n", "\n").strip(_SPACE)
    shortest, longest = chars
    if len(text) < shortest:
        raise ValueError("must not be empty" if shortest == 1 else f"must have at least {shortest} characters")
    if len(text) > longest:
        raise ValueError(f"must have at most {longest} characters")
    if refused.search(text):
        raise ValueError("must not contain control characters, surrogates or bidirectional overrides")
    return text


def clean_body(text: str) -> str:
    """Trim a message body: 1-4,000 code points, with line breaks and tabs inside."""
    return _clean(text, BODY_CHARS, _REFUSED_BODY)


def clean_display_name(text: str) -> str:
    """Trim a display name: 1-64 code points on one line."""
    return _clean(text, DISPLAY_NAME_CHARS, _REFUSED_LINE)


def clean_room_name(text: str) -> str:
    """Trim a room's name: 1-64 code points on one line."""
    return _clean(text, ROOM_NAME_CHARS, _REFUSED_LINE)


def clean_note(text: str) -> str:
    """Trim a topic or a ban's reason: at most 256 code points on one line."""
    return _clean(text, NOTE_CHARS, _REFUSED_LINE)


def clean_username(text: str) -> str:
    """Trim a username: 3-32 ASCII letters, digits, `_`, `.` or `-`."""
    text = _clean(text, USERNAME_CHARS, _REFUSED_LINE)
    if not _USERNAME.fullmatch(text):
        raise ValueError("must consist of letters a-z, digits, '_', '.' and '-'")
    return text


def is_reserved_username(text: str) -> bool:
    """Tell whether the name is kept for deleted accounts, so that nobody can pass for one."""
    return _RESERVED_USERNAME.fullmatch(text) is not None


def check_password(text: str) -> str:
    """Refuse what no password can be; never trimmed, at most 256 code points."""
    if len(text) > PASSWORD_CHARS_MAX:
        raise ValueError(f"must have at most {PASSWORD_CHARS_MAX} characters")
    if _REFUSED_PASSWORD.search(text):
        raise ValueError("must not contain NUL or surrogates")
    return text


def name_key(text: str) -> str:
    """Fold a name so that two names that differ in case only are one."""
    return text.casefold()

"""What a close code asks of a client."""

from enum import Enum


class AfterClose(Enum):
    """What comes next."""

    RECONNECT = "reconnect"
    REFRESH = "refresh the access token, then reconnect"
    WAIT_A_MINUTE = "reconnect, but not within the next 60 s"
    STOP = "stop"


RATE_LIMITED = 4004
TOKEN_EXPIRED = 4005

RATE_LIMITED_WAIT_S = 60.0

# Protocol, UTF-8 and size: the server says that this client's frames are broken, and the next ones would be too.
_CLIENT_IS_BROKEN = frozenset({1002, 1007, 1009})


def after_close(code: int) -> AfterClose:
    """Look `code` up; one that is not in the table is as 4000, `internal_error`."""
    if code in _CLIENT_IS_BROKEN or 4500 <= code <= 4999:  # noqa: PLR2004 - the range is the rule
        return AfterClose.STOP
    if code == TOKEN_EXPIRED:
        return AfterClose.REFRESH
    if code == RATE_LIMITED:
        return AfterClose.WAIT_A_MINUTE
    return AfterClose.RECONNECT

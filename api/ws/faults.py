"""How many faults a client may make before its connection is ended."""

from collections import deque
from typing import Final

from api.domain.errors import ErrorCode
from api.protocol.problems import CloseCode

IN_A_ROW_MAX: Final = 20
RATE_LIMITED_MAX: Final = 100
RATE_LIMITED_WINDOW_S: Final = 60.0

_FRAME_FAULTS: Final = {ErrorCode.INVALID_FRAME, ErrorCode.UNKNOWN_TYPE, ErrorCode.VALIDATION_ERROR}


class Faults:
    """The errors that one connection was answered with: frames that are no command, and limits that it ignores."""

    __slots__ = ("_in_a_row", "_rate_limited_at_s")

    def __init__(self) -> None:
        self._in_a_row = 0
        self._rate_limited_at_s: deque[float] = deque(maxlen=RATE_LIMITED_MAX)

    def valid_command(self) -> None:
        """Forget the invalid frames before this command."""
        self._in_a_row = 0

    def count(self, code: ErrorCode, now_s: float) -> CloseCode | None:
        """Count one error; return why the connection has to end, None while it may live."""
        if code in _FRAME_FAULTS:
            self._in_a_row += 1
            if self._in_a_row >= IN_A_ROW_MAX:
                return CloseCode.TOO_MANY_ERRORS
        elif code is ErrorCode.RATE_LIMITED:
            self._rate_limited_at_s.append(now_s)
            is_full = len(self._rate_limited_at_s) == RATE_LIMITED_MAX
            if is_full and now_s - self._rate_limited_at_s[0] < RATE_LIMITED_WINDOW_S:
                return CloseCode.RATE_LIMITED
        return None

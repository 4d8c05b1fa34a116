"""How many faults a client may make before its connection is ended."""

from collections import deque
from typing import Final

from api.protocol.problems import CloseCode

IN_A_ROW_MAX: Final = 20
RATE_LIMITED_MAX: Final = 100
RATE_LIMITED_WINDOW_S: Final = 60.0


class Faults:
    """The errors that one connection was answered with: frames that are no command, and limits that it ignores."""

    __slots__ = ("_in_a_row", "_rate_limited_at_s")

    def __init__(self) -> None:
        self._in_a_row = 0
        self._rate_limited_at_s: deque[float] = deque(maxlen=RATE_LIMITED_MAX)

    def valid_command(self) -> None:
        """Forget the invalid frames before this command."""
        self._in_a_row = 0

    def invalid_frame(self) -> CloseCode | None:
        """Count a frame that is no command; return why the connection has to end, None while it may live."""
        self._in_a_row += 1
        return CloseCode.TOO_MANY_ERRORS if self._in_a_row >= IN_A_ROW_MAX else None

    def rate_limited(self, now_s: float) -> CloseCode | None:
        """Count a refusal by a limit; return why the connection has to end, None while it may live."""
        self._rate_limited_at_s.append(now_s)
        is_full = len(self._rate_limited_at_s) == RATE_LIMITED_MAX
        ends = is_full and now_s - self._rate_limited_at_s[0] < RATE_LIMITED_WINDOW_S
        return CloseCode.RATE_LIMITED if ends else None

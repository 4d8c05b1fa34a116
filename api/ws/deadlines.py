"""A connection's deadlines: heartbeat, ping and pong, the token's expiry, a stalled reader. No clock, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.protocol import frames
from api.protocol.problems import CloseCode


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a connection may do what."""

    heartbeat_s: float
    pong_s: float
    stall_s: float
    token_warning_s: float


@dataclass(frozen=True, slots=True)
class Due:
    """What a look at the deadlines asks for."""

    pushes: Sequence[bytes] = ()
    is_ping_due: bool = False
    close: CloseCode | None = None


_NOTHING = Due()


class Deadlines:
    """Everything about one connection that becomes due with time; `look` is called several times a second."""

    __slots__ = (
        "_bytes_taken",
        "_expires_at_ms",
        "_frames_out",
        "_is_warned",
        "_last_frame_s",
        "_last_look_s",
        "_last_ping_s",
        "_pace",
        "_pong_due_s",
        "_stalled_since_s",
    )

    def __init__(self, pace: Pace, expires_at_ms: int) -> None:
        self._pace = pace
        self._expires_at_ms = expires_at_ms
        self._is_warned = False
        self._frames_out = 0
        self._bytes_taken = 0
        self._last_look_s: float | None = None
        self._last_frame_s = 0.0
        self._last_ping_s = 0.0
        self._pong_due_s: float | None = None
        self._stalled_since_s: float | None = None

    @property
    def expires_at_ms(self) -> int:
        """Return when the token ends."""
        return self._expires_at_ms

    @property
    def stalled_s(self) -> float:
        """Return for how long a full outbox has not moved, as of the last look."""
        if self._stalled_since_s is None or self._last_look_s is None:
            return 0.0
        return self._last_look_s - self._stalled_since_s

    def extend(self, expires_at_ms: int) -> None:
        """Live on until another token's expiry."""
        self._expires_at_ms = expires_at_ms
        self._is_warned = False

    def pong_received(self) -> None:
        """Take the answer to the last ping."""
        self._pong_due_s = None

    def look(
        self, now_s: float, now_ms: int, *, frames_out: int, bytes_taken: int, is_full: bool, is_reading_held: bool
    ) -> Due:
        """Say what is due.

        Args:
            now_s: of the monotonic clock.
            frames_out: how many frames the transport has taken so far.
            bytes_taken: how many bytes the kernel has taken from the transport so far.
            is_full: the outbox is so full that nothing more is read from the client.
            is_reading_held: the pong, if it came, cannot be seen.
        """
        since_last_s = 0.0 if self._last_look_s is None else now_s - self._last_look_s
        if self._last_look_s is None:
            self._last_frame_s = self._last_ping_s = now_s
        self._last_look_s = now_s
        if frames_out != self._frames_out:
            self._last_frame_s = now_s
        has_moved = bytes_taken != self._bytes_taken
        self._frames_out, self._bytes_taken = frames_out, bytes_taken
        close = self._close(now_s, now_ms, since_last_s, has_moved=has_moved, is_full=is_full, is_held=is_reading_held)
        if close is not None:
            return Due(close=close)
        pushes: list[bytes] = []
        if not self._is_warned and now_ms >= self._expires_at_ms - self._pace.token_warning_s * 1000:
            self._is_warned = True
            pushes.append(frames.token_expiring(self._expires_at_ms))
        if now_s - self._last_frame_s >= self._pace.heartbeat_s:
            self._last_frame_s = now_s
            pushes.append(frames.heartbeat(now_ms))
        is_ping_due = now_s - self._last_ping_s >= self._pace.heartbeat_s and self._pong_due_s is None
        if is_ping_due:
            self._last_ping_s = now_s
            self._pong_due_s = now_s + self._pace.pong_s
        return Due(pushes, is_ping_due) if pushes or is_ping_due else _NOTHING

    def _close(
        self, now_s: float, now_ms: int, since_last_s: float, *, has_moved: bool, is_full: bool, is_held: bool
    ) -> CloseCode | None:
        if now_ms >= self._expires_at_ms:
            return CloseCode.TOKEN_EXPIRED
        if not is_full:
            self._stalled_since_s = None
        elif has_moved or self._stalled_since_s is None:
            self._stalled_since_s = now_s
        elif now_s - self._stalled_since_s >= self._pace.stall_s:
            return CloseCode.SLOW_CONSUMER
        if self._pong_due_s is not None:
            if is_held:
                self._pong_due_s += since_last_s
            elif now_s >= self._pong_due_s:
                return CloseCode.HEARTBEAT_TIMEOUT
        return None

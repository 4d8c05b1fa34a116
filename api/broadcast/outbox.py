"""One connection's send buffer: bounded, in order, gathered into few writes."""

import asyncio
from collections import deque
from collections.abc import Callable

from api.broadcast.wire import Wire

WRITE_BYTES_MAX = 65_536
"""What one write to the transport holds at most; a flush stops between writes when the transport is full."""

SMALL_ANSWER_BYTES = 16_384
"""Up to here an answer is a frame like any other."""


class Outbox:
    """What one connection is owed and the transport has not taken yet.

    The bound is `frames_max` frames or `bytes_max` bytes beside one answer; past it `on_overflow` is called once and
    the outbox takes nothing more. The ephemeral is dropped from half of it on. Nothing here waits.
    When the wire breaks, frames are lost: `on_fault` is called, and the outbox takes nothing more.
    """

    __slots__ = (
        "_answers",
        "_bytes",
        "_bytes_max",
        "_frames_max",
        "_is_closed",
        "_is_scheduled",
        "_on_fault",
        "_on_overflow",
        "_queue",
        "_wire",
        "bytes_out",
        "dropped",
        "frames_high_water",
        "frames_out",
        "on_flushed",
    )

    def __init__(
        self,
        wire: Wire,
        *,
        frames_max: int,
        bytes_max: int,
        on_overflow: Callable[[], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._wire = wire
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._on_overflow = on_overflow
        self._on_fault = on_fault
        # The second of a pair: whether the frame is an answer, which the bound does not count.
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._bytes = 0
        self._answers = 0
        self._is_scheduled = False
        self._is_closed = False
        # Set by who waits for room; called after every flush.
        self.on_flushed: Callable[[], None] | None = None
        self.frames_out = 0
        self.bytes_out = 0
        self.dropped = 0
        self.frames_high_water = 0

    @property
    def frames(self) -> int:
        """Count the frames that wait, beside answers."""
        return len(self._queue) - self._answers

    @property
    def is_half_full(self) -> bool:
        """Tell whether half of the bound is taken, by frames or by bytes."""
        return not self._is_under_half(0, 0)

    def has_room(self, owed_frames: int = 0, owed_bytes: int = 0) -> bool:
        """Tell whether the next command may be read and answered: the one rule of back pressure.

        Args:
            owed_frames: answers that are still to come, as if they were here already.
            owed_bytes: their size, as far as it can be told.
        """
        return self._answers == 0 and self._is_under_half(owed_frames, owed_bytes)

    def _is_under_half(self, owed_frames: int, owed_bytes: int) -> bool:
        return 2 * (self.frames + owed_frames) < self._frames_max and 2 * (self._bytes + owed_bytes) < self._bytes_max

    @property
    def taken_bytes(self) -> int:
        """Count the bytes that the peer's side has taken so far, as far as this side can see."""
        return self.bytes_out - self._wire.buffered_bytes

    @property
    def size_bytes(self) -> int:
        """Count the bytes that wait, beside answers."""
        return self._bytes

    def push(self, payload: bytes) -> None:
        """Add a frame that must arrive."""
        if self._is_closed:
            return
        self._queue.append((payload, False))
        self._bytes += len(payload)
        if self.frames > self._frames_max or self._bytes > self._bytes_max:
            self.flush()
            if self.frames > self._frames_max or self._bytes > self._bytes_max:
                # It looks at what is in here, so it comes first.
                self._on_overflow()
                self.close()
                return
        self._schedule()

    def push_answer(self, payload: bytes) -> None:
        """Add the answer to a command; a large one stands beside the bound."""
        if len(payload) <= SMALL_ANSWER_BYTES:
            self.push(payload)
            return
        if self._is_closed:
            return
        self._queue.append((payload, True))
        self._answers += 1
        self._schedule()

    def push_ephemeral(self, payload: bytes) -> None:
        """Add a frame that may be lost."""
        if self.is_half_full:
            self.dropped += 1
        else:
            self.push(payload)

    def flush(self) -> None:
        """Give the transport what it takes."""
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001 - whatever it was, its frames are lost
            self.close()
            self._on_fault(error)

    def _flush(self) -> None:
        self._is_scheduled = False
        self.frames_high_water = max(self.frames_high_water, self.frames)
        queue = self._queue
        while queue and self._wire.is_writable and not self._is_closed:
            chunk: list[bytes] = []
            size = 0
            while queue and (not chunk or size + len(queue[0][0]) <= WRITE_BYTES_MAX):
                payload, is_answer = queue.popleft()
                chunk.append(payload)
                size += len(payload)
                if is_answer:
                    self._answers -= 1
                else:
                    self._bytes -= len(payload)
            self.frames_out += len(chunk)
            self.bytes_out += size
            self._wire.write(chunk)
        if self.on_flushed is not None:
            self.on_flushed()

    def close(self) -> None:
        """Drop what waits and take nothing more."""
        self._is_closed = True
        self._queue.clear()
        self._bytes = self._answers = 0

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

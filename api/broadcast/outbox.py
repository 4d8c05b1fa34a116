"""One connection's send buffer: bounded, in order, gathered into few writes."""

from collections.abc import Callable

from api.broadcast.flusher import Flusher
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
        "_flusher",
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
        flusher: Flusher,
        *,
        frames_max: int,
        bytes_max: int,
        on_overflow: Callable[[], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._wire = wire
        self._flusher = flusher
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._on_overflow = on_overflow
        self._on_fault = on_fault
        self._queue: list[bytes] = []
        self._bytes = 0
        # Of each large answer that waits: which frame of this connection it is, and its size. The bound leaves it out.
        self._answers: list[tuple[int, int]] = []
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
        return len(self._queue) - len(self._answers)

    @property
    def size_bytes(self) -> int:
        """Count the bytes that wait, beside answers."""
        return self._bytes - sum(size for _, size in self._answers) if self._answers else self._bytes

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
        return not self._answers and self._is_under_half(owed_frames, owed_bytes)

    def _is_under_half(self, owed_frames: int, owed_bytes: int) -> bool:
        return (
            2 * (self.frames + owed_frames) < self._frames_max and 2 * (self.size_bytes + owed_bytes) < self._bytes_max
        )

    @property
    def taken_bytes(self) -> int:
        """Count the bytes that the peer's side has taken so far, as far as this side can see."""
        return self.bytes_out - self._wire.buffered_bytes

    def push(self, payload: bytes, *, is_bulk: bool = False) -> None:
        """Add a frame that must arrive.

        Args:
            payload: its JSON text.
            is_bulk: it goes to so many connections that others are flushed before.
        """
        if self._is_closed:
            return
        self._queue.append(payload)
        self._bytes += len(payload)
        if self._bytes > self._bytes_max or len(self._queue) > self._frames_max:
            self._check_bound()
        if not self._is_scheduled:
            self._is_scheduled = True
            self._flusher.add(self, is_bulk=is_bulk)

    def push_answer(self, payload: bytes) -> None:
        """Add the answer to a command; a large one stands beside the bound."""
        if len(payload) > SMALL_ANSWER_BYTES and not self._is_closed:
            self._answers.append((self.frames_out + len(self._queue), len(payload)))
        self.push(payload)

    def push_ephemeral(self, payload: bytes) -> None:
        """Add a frame that may be lost."""
        if self.is_half_full:
            self.dropped += 1
        else:
            self.push(payload)

    def flush_in_turn(self) -> None:
        """Do what the flusher was asked for."""
        self._is_scheduled = False
        self.flush()

    def flush(self) -> None:
        """Give the transport what it takes."""
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001 - whatever it was, its frames are lost
            self.close()
            self._on_fault(error)

    def _check_bound(self) -> None:
        if self._is_past_bound():
            self.flush()
            if self._is_past_bound():
                # It looks at what is in here, so it comes first.
                self._on_overflow()
                self.close()

    def _is_past_bound(self) -> bool:
        return self.frames > self._frames_max or self.size_bytes > self._bytes_max

    def _flush(self) -> None:
        if len(self._queue) > self.frames_high_water:
            self.frames_high_water = max(self.frames_high_water, self.frames)
        while self._queue and self._wire.is_writable:
            chunk, size = self._take_chunk()
            self.frames_out += len(chunk)
            self.bytes_out += size
            while self._answers and self._answers[0][0] < self.frames_out:
                del self._answers[0]
            self._wire.write(chunk)
        if self.on_flushed is not None:
            self.on_flushed()

    def _take_chunk(self) -> tuple[list[bytes], int]:
        """Take the frames of one write, and their size: one frame at least, else `WRITE_BYTES_MAX` at most."""
        queue, size, count = self._queue, self._bytes, len(self._queue)
        if size > WRITE_BYTES_MAX:
            size, count = len(queue[0]), 1
            while count < len(queue) and size + len(queue[count]) <= WRITE_BYTES_MAX:
                size += len(queue[count])
                count += 1
        self._queue = queue[count:]
        self._bytes -= size
        return queue[:count] if self._queue else queue, size

    def close(self) -> None:
        """Drop what waits and take nothing more."""
        self._is_closed = True
        self._queue = []
        self._answers = []
        self._bytes = 0

"""The bounds of one connection's send buffer."""

from __future__ import annotations

import asyncio

import pytest

from api.broadcast.flusher import Flusher
from api.broadcast.outbox import SMALL_ANSWER_BYTES, WRITE_BYTES_MAX, Outbox
from tests.unit.broadcast.connections import RecordingWire

FRAMES_MAX = 8
BYTES_MAX = 1000


class Box:
    """A small outbox over a wire that a test makes writable or not."""

    def __init__(self, *, is_writable: bool = True) -> None:
        self.wire = RecordingWire()
        self.wire.is_writable = is_writable
        self.overflows: list[tuple[int, int]] = []
        self.faults: list[Exception] = []
        self.outbox = self.make(frames_max=FRAMES_MAX, bytes_max=BYTES_MAX)

    def make(self, *, frames_max: int, bytes_max: int) -> Outbox:
        """Make an outbox of another size over the same wire."""
        return Outbox(
            self.wire,
            Flusher(),
            frames_max=frames_max,
            bytes_max=bytes_max,
            on_overflow=self._overflow,
            on_fault=self.faults.append,
        )

    def _overflow(self) -> None:
        self.overflows.append((self.outbox.frames, self.outbox.size_bytes))

    def fill(self, count: int) -> None:
        for number in range(count):
            self.outbox.push(b"%d" % number)


async def turn() -> None:
    await asyncio.sleep(0)


async def test_what_one_turn_of_the_loop_brings_goes_out_in_one_write_and_in_order() -> None:
    box = Box()
    box.outbox.push(b"event")
    box.outbox.push_answer(b"answer")
    box.outbox.push_ephemeral(b"typing")
    assert box.wire.writes == [], "nobody waits for the transport"
    await turn()
    assert box.wire.writes == [[b"event", b"answer", b"typing"]]
    assert (box.outbox.frames_out, box.outbox.bytes_out) == (3, 17)
    assert (box.outbox.frames, box.outbox.size_bytes) == (0, 0)


async def test_a_flush_is_cut_into_writes_and_stops_where_the_transport_is_full() -> None:
    box = Box()
    box.outbox = box.make(frames_max=100, bytes_max=2**30)
    half = b"x" * (WRITE_BYTES_MAX // 2)
    for _ in range(5):
        box.outbox.push(half)
    box.outbox.flush()
    assert [len(write) for write in box.wire.writes] == [2, 2, 1]
    box.wire.is_writable = False
    box.outbox.push(half)
    box.outbox.flush()
    assert len(box.wire.writes) == 3
    assert box.outbox.frames == 1
    box.wire.is_writable = True
    box.outbox.flush()
    assert box.outbox.frames == 0


async def test_a_frame_larger_than_a_write_goes_alone() -> None:
    box = Box()
    box.outbox = box.make(frames_max=100, bytes_max=2**30)
    box.outbox.push(b"small")
    box.outbox.push(b"x" * (2 * WRITE_BYTES_MAX))
    box.outbox.push(b"small")
    box.outbox.flush()
    assert [len(write) for write in box.wire.writes] == [1, 1, 1]


async def test_the_last_frame_within_the_bound_is_kept_and_the_next_one_ends_it() -> None:
    box = Box(is_writable=False)
    box.fill(FRAMES_MAX)
    assert box.overflows == []
    box.outbox.push(b"one too many")
    assert box.overflows == [(FRAMES_MAX + 1, FRAMES_MAX + len(b"one too many"))], "its owner can still look inside"
    assert (box.outbox.frames, box.outbox.size_bytes) == (0, 0)


async def test_the_bound_in_bytes_holds_as_well() -> None:
    box = Box(is_writable=False)
    box.outbox.push(b"x" * BYTES_MAX)
    assert box.overflows == []
    box.outbox.push(b"x")
    assert len(box.overflows) == 1


async def test_an_overflow_is_told_once_and_nothing_is_taken_or_written_after_it() -> None:
    box = Box(is_writable=False)
    box.fill(FRAMES_MAX + 5)
    box.outbox.push_answer(b"x" * (SMALL_ANSWER_BYTES + 1))
    box.outbox.push_ephemeral(b"typing")
    assert len(box.overflows) == 1
    box.wire.is_writable = True
    box.outbox.flush()
    await turn()
    assert box.wire.sent == []


async def test_a_transport_that_takes_it_in_time_saves_a_full_outbox() -> None:
    box = Box()
    box.fill(50)
    assert box.overflows == []
    await turn()
    assert box.wire.sent == [b"%d" % number for number in range(50)]


async def test_the_ephemeral_is_dropped_from_half_of_the_bound_on() -> None:
    box = Box(is_writable=False)
    box.fill(FRAMES_MAX // 2 - 1)
    box.outbox.push_ephemeral(b"kept")
    box.outbox.push_ephemeral(b"dropped")
    assert (box.outbox.frames, box.outbox.dropped) == (FRAMES_MAX // 2, 1)
    by_bytes = Box(is_writable=False)
    by_bytes.outbox.push(b"x" * (BYTES_MAX // 2))
    by_bytes.outbox.push_ephemeral(b"dropped")
    assert (by_bytes.outbox.frames, by_bytes.outbox.dropped) == (1, 1)


async def test_a_large_answer_stands_beside_the_bound_and_in_its_place() -> None:
    box = Box(is_writable=False)
    large = b"x" * (SMALL_ANSWER_BYTES + 1)
    box.fill(FRAMES_MAX - 1)
    box.outbox.push_answer(large)
    assert not box.outbox.has_room()
    assert box.outbox.frames == FRAMES_MAX - 1
    box.outbox.push(b"behind")
    assert box.overflows == []
    box.wire.is_writable = True
    box.outbox.flush()
    assert box.wire.sent[-2:] == [large, b"behind"]
    assert box.outbox.has_room()


async def test_a_small_answer_counts_like_any_frame() -> None:
    box = Box(is_writable=False)
    for _ in range(FRAMES_MAX + 1):
        box.outbox.push_answer(b"pong")
    assert len(box.overflows) == 1


@pytest.mark.parametrize(
    ("waiting", "owed", "is_half_full"), [(3, 0, False), (4, 0, True), (2, 1, False), (2, 2, True)]
)
async def test_half_full_counts_the_answers_that_are_owed(waiting: int, owed: int, is_half_full: bool) -> None:  # noqa: FBT001
    box = Box(is_writable=False)
    box.fill(waiting)
    assert box.outbox.has_room(owed) is not is_half_full


async def test_room_counts_the_bytes_that_are_owed_too() -> None:
    box = Box(is_writable=False)
    assert box.outbox.has_room(1, BYTES_MAX // 2 - 1)
    assert not box.outbox.has_room(1, BYTES_MAX // 2)


async def test_an_answer_that_waits_leaves_no_room_for_another() -> None:
    box = Box(is_writable=False)
    box.outbox.push_answer(b"x" * (SMALL_ANSWER_BYTES + 1))
    assert not box.outbox.has_room()


async def test_who_waits_for_room_is_told_after_every_flush() -> None:
    box = Box()
    flushed: list[int] = []
    box.outbox.on_flushed = lambda: flushed.append(box.outbox.frames)
    box.fill(3)
    await turn()
    assert flushed == [0]


async def test_the_high_water_mark_is_what_once_waited() -> None:
    box = Box(is_writable=False)
    box.fill(5)
    await turn()
    box.wire.is_writable = True
    box.outbox.flush()
    assert (box.outbox.frames, box.outbox.frames_high_water) == (0, 5)


@pytest.mark.parametrize("way", ["scheduled", "at the bound"])
async def test_when_the_wire_breaks_somebody_is_told_once_and_nothing_more_is_taken(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A frame is lost with it: what came behind would hide the hole."""
    box = Box()
    fault = RuntimeError("a fault")

    def broken(_payloads: object) -> None:
        raise fault

    monkeypatch.setattr(box.wire, "write", broken)
    box.fill(1 if way == "scheduled" else FRAMES_MAX + 1)
    await turn()
    monkeypatch.undo()
    box.fill(3)
    box.outbox.flush()
    await turn()
    assert box.faults == [fault]
    assert (box.wire.writes, box.overflows, box.outbox.frames) == ([], [], 0)

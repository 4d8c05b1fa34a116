"""What becomes due on a connection, with clocks that the table moves."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from api.protocol.problems import CloseCode
from api.ws.deadlines import Deadlines, Due, Pace

PACE = Pace(heartbeat_s=25, pong_s=20, stall_s=5, token_warning_s=60)
EXPIRES_MS = 1_000_000
FAR_MS = 0  # long before the token ends


@dataclass
class Looking:
    """Deadlines, and what the connection would tell them."""

    deadlines: Deadlines
    frames_out: int = 1
    bytes_taken: int = 100
    is_full: bool = False
    is_held: bool = False

    def at(self, now_s: float, now_ms: int = FAR_MS) -> Due:
        """Look."""
        return self.deadlines.look(
            now_s,
            now_ms,
            frames_out=self.frames_out,
            bytes_taken=self.bytes_taken,
            is_full=self.is_full,
            is_reading_held=self.is_held,
        )


def pushes(due: Due) -> list[str]:
    return [json.loads(push)["type"] for push in due.pushes]


@pytest.fixture
def looking() -> Looking:
    made = Looking(Deadlines(PACE, EXPIRES_MS))
    made.at(0.0)
    return made


class TestHeartbeat:
    def test_it_comes_whenever_so_long_no_other_frame_went_out(self, looking: Looking) -> None:
        assert pushes(looking.at(24.9)) == []
        assert pushes(looking.at(25.0)) == ["heartbeat"]
        looking.deadlines.pong_received()
        looking.frames_out += 1  # the heartbeat itself
        assert pushes(looking.at(25.25)) == []
        assert pushes(looking.at(50.0)) == []
        assert pushes(looking.at(50.25)) == ["heartbeat"]

    def test_any_frame_puts_it_off(self, looking: Looking) -> None:
        looking.frames_out += 1
        looking.at(20.0)
        assert pushes(looking.at(44.9)) == []
        assert pushes(looking.at(45.0)) == ["heartbeat"]

    def test_it_tells_the_servers_time(self, looking: Looking) -> None:
        (push,) = looking.at(25.0, 123).pushes
        assert json.loads(push)["server_time"] == "1970-01-01T00:00:00.123Z"

    def test_a_monotonic_clock_may_begin_anywhere(self) -> None:
        late = Looking(Deadlines(PACE, EXPIRES_MS))
        assert late.at(10**6) == Due()
        assert pushes(late.at(10**6 + 25)) == ["heartbeat"]


class TestPing:
    def test_pings_come_whatever_else_goes_out(self, looking: Looking) -> None:
        for number in range(1, 100):
            looking.frames_out += 1
            if looking.at(number / 4).is_ping_due:
                pytest.fail("too early")
        assert looking.at(25.0).is_ping_due

    def test_the_next_waits_for_the_answer_to_the_last(self, looking: Looking) -> None:
        slow = Looking(Deadlines(Pace(heartbeat_s=5, pong_s=20, stall_s=5, token_warning_s=60), EXPIRES_MS))
        slow.at(0.0)
        assert slow.at(5.0).is_ping_due
        assert not slow.at(20.0).is_ping_due
        slow.deadlines.pong_received()
        assert slow.at(20.25).is_ping_due

    def test_no_answer_in_time_ends_it(self, looking: Looking) -> None:
        looking.at(25.0)
        assert looking.at(44.9).close is None
        assert looking.at(45.0).close is CloseCode.HEARTBEAT_TIMEOUT

    def test_an_answer_in_time_does_not(self, looking: Looking) -> None:
        for number in range(1, 20):
            assert looking.at(25.0 * number).is_ping_due
            assert looking.at(25.0 * number + 19.9).close is None
            looking.deadlines.pong_received()

    def test_the_deadline_rests_while_reading_is_held(self, looking: Looking) -> None:
        """The answer may have come, and lies in the socket."""
        looking.at(25.0)
        looking.is_held = True
        for number in range(101, 500):
            assert looking.at(number / 4).close is None
        looking.is_held = False
        assert looking.at(125.0).close is None
        assert looking.at(143.9).close is None
        assert looking.at(145.0).close is CloseCode.HEARTBEAT_TIMEOUT

    def test_an_answer_that_nobody_asked_for_is_harmless(self, looking: Looking) -> None:
        looking.deadlines.pong_received()
        assert looking.at(25.0).is_ping_due


class TestToken:
    def test_a_warning_comes_once_and_then_the_end(self, looking: Looking) -> None:
        assert looking.at(1.0, EXPIRES_MS - 60_001) == Due()
        (push,) = looking.at(2.0, EXPIRES_MS - 60_000).pushes
        assert json.loads(push) == {"type": "token.expiring", "expires_at": "1970-01-01T00:16:40.000Z"}
        assert looking.at(3.0, EXPIRES_MS - 1) == Due()
        assert looking.at(4.0, EXPIRES_MS).close is CloseCode.TOKEN_EXPIRED

    def test_the_warning_comes_at_once_where_the_end_is_near(self) -> None:
        near = Looking(Deadlines(PACE, EXPIRES_MS))
        assert pushes(near.at(0.0, EXPIRES_MS - 1000)) == ["token.expiring"]

    def test_a_newer_token_puts_both_off(self, looking: Looking) -> None:
        looking.at(1.0, EXPIRES_MS - 60_000)
        looking.deadlines.extend(EXPIRES_MS + 900_000)
        assert looking.deadlines.expires_at_ms == EXPIRES_MS + 900_000
        assert looking.at(2.0, EXPIRES_MS) == Due()
        assert pushes(looking.at(3.0, EXPIRES_MS + 840_000)) == ["token.expiring"]
        assert looking.at(4.0, EXPIRES_MS + 900_000).close is CloseCode.TOKEN_EXPIRED

    def test_the_end_comes_before_everything_else(self, looking: Looking) -> None:
        due = looking.at(1000.0, EXPIRES_MS)
        assert (due.close, due.pushes, due.is_ping_due) == (CloseCode.TOKEN_EXPIRED, (), False)

    def test_several_things_may_be_due_at_once(self, looking: Looking) -> None:
        due = looking.at(25.0, EXPIRES_MS - 60_000)
        assert pushes(due) == ["token.expiring", "heartbeat"]
        assert due.is_ping_due


class TestStall:
    def test_a_full_outbox_that_does_not_shrink_ends_it(self, looking: Looking) -> None:
        looking.is_full = True
        assert looking.at(1.0).close is None
        assert looking.at(5.9).close is None
        assert looking.at(6.0).close is CloseCode.SLOW_CONSUMER
        assert looking.deadlines.stalled_s == 5.0

    def test_a_reader_that_is_slow_but_reads_lives(self, looking: Looking) -> None:
        looking.is_full = True
        for second in range(1, 100):
            if second % 4 == 0:
                looking.bytes_taken += 1
            looking.deadlines.pong_received()
            assert looking.at(float(second)).close is None

    def test_one_that_caught_up_starts_anew(self, looking: Looking) -> None:
        looking.is_full = True
        looking.at(1.0)
        looking.is_full = False
        looking.at(5.0)
        assert looking.deadlines.stalled_s == 0.0
        looking.is_full = True
        looking.at(6.0)
        assert looking.at(10.9).close is None
        assert looking.at(11.0).close is CloseCode.SLOW_CONSUMER

    def test_an_outbox_that_is_not_full_may_stand_still(self, looking: Looking) -> None:
        for second in range(1, 20):
            assert looking.at(float(second)) == Due()

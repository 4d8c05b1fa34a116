"""How many faults a client may make."""

from __future__ import annotations

from api.protocol.problems import CloseCode
from api.ws.faults import IN_A_ROW_MAX, RATE_LIMITED_MAX, RATE_LIMITED_WINDOW_S, Faults


def test_the_numbers_are_the_contracts() -> None:
    assert (IN_A_ROW_MAX, RATE_LIMITED_MAX, RATE_LIMITED_WINDOW_S) == (20, 100, 60)


def test_twenty_invalid_frames_in_a_row_end_it() -> None:
    faults = Faults()
    assert [faults.invalid_frame() for _ in range(20)] == [*[None] * 19, CloseCode.TOO_MANY_ERRORS]


def test_a_valid_command_starts_the_row_anew() -> None:
    faults = Faults()
    for _ in range(5):
        assert [faults.invalid_frame() for _ in range(19)] == [None] * 19
        faults.valid_command()


def test_a_hundred_refusals_within_a_minute_end_it() -> None:
    faults = Faults()
    assert [faults.rate_limited(number * 0.6) for number in range(100)] == [*[None] * 99, CloseCode.RATE_LIMITED]


def test_so_many_in_more_than_a_minute_do_not() -> None:
    faults = Faults()
    assert [faults.rate_limited(number * 0.61) for number in range(1000)] == [None] * 1000


def test_a_valid_command_does_not_pay_for_refusals() -> None:
    faults = Faults()
    for _ in range(99):
        faults.rate_limited(0.0)
        faults.valid_command()
    assert faults.rate_limited(0.0) is CloseCode.RATE_LIMITED

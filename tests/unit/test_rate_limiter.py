"""Counting: windows for what is rare, buckets for every frame."""

import asyncio
import itertools
import time

import pytest
from limits.aio.storage import MemoryStorage

from api.domain.errors import ErrorCode
from api.protocol.problems import problem_headers
from api.rate_limiter import LocalLimit, NoRateLimiter, Rule, WindowRateLimiter, address_key, rate_limited


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "count", "period_s"),
    [("20/4 seconds", 20, 4), ("600/minute", 600, 60), ("10/15 minutes", 10, 900), ("60 per hour", 60, 3600)],
)
def test_a_rule_is_read_in_the_syntax_of_limits(text: str, count: int, period_s: int) -> None:
    assert Rule.parse(text) == Rule(count, period_s)


def test_a_rule_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="couldn't parse"):
        Rule.parse("many")


def test_a_rule_for_so_many_at_once_allows_so_many_times_as_much_in_the_same_time() -> None:
    assert Rule(20, 4).times(3) == Rule(60, 4)


def _passing(limit: LocalLimit, key: str) -> int:
    """Take all that is left, and tell how many there were."""
    return next(number for number in itertools.count() if limit.check(key))


class TestLocalLimit:
    def test_a_burst_of_20_passes_and_then_5_a_second(self) -> None:
        clock = Clock()
        limit = LocalLimit("20/4 seconds", clock)
        assert [limit.check("ada") for _ in range(20)] == [0] * 20
        assert limit.check("ada") == 200
        clock.now += 0.1
        assert limit.check("ada") == 100
        clock.now += 0.1
        assert limit.check("ada") == 0
        assert limit.check("ada") == 200
        clock.now += 1
        assert [limit.check("ada") for _ in range(6)] == [0] * 5 + [200]

    def test_a_refusal_takes_nothing(self) -> None:
        clock = Clock()
        limit = LocalLimit("2/2 seconds", clock)
        assert [limit.check("ada") for _ in range(100)] == [0, 0] + [1000] * 98
        clock.now += 1
        assert limit.check("ada") == 0

    def test_an_idle_key_has_a_whole_burst_again_and_no_more(self) -> None:
        clock = Clock()
        limit = LocalLimit("3/second", clock)
        for _ in range(3):
            limit.check("ada")
        clock.now += 3600
        assert [limit.check("ada") for _ in range(4)] == [0, 0, 0, 334]

    def test_keys_are_counted_apart(self) -> None:
        limit = LocalLimit("1/minute", Clock())
        assert limit.check("ada") == 0
        assert limit.check("bob") == 0
        assert limit.check("ada") == 60_000

    def test_over_a_long_time_exactly_the_rate_passes(self) -> None:
        clock = Clock()
        limit = LocalLimit("20/4 seconds", clock)
        passed = 0
        for _ in range(10_000):  # 100 s in steps of 10 ms
            passed += limit.check("ada") == 0
            clock.now += 0.01
        assert 519 <= passed <= 520

    def test_the_rule_is_told_as_it_is_kept(self) -> None:
        assert LocalLimit("20/4 seconds").rule == Rule(20, 4)

    def test_idle_keys_are_dropped(self) -> None:
        clock = Clock()
        limit = LocalLimit("20/4 seconds", clock)
        for number in range(50_000):
            clock.now += 0.01  # so that 400 at most are not full at any moment
            limit.check(f"user {number}")
            assert len(limit) <= 2048
        assert _passing(limit, "user 49999") == 19

    def test_a_flood_of_keys_has_an_end_and_costs_little(self) -> None:
        limit = LocalLimit("20/4 seconds", Clock())
        begin = time.process_time()
        for number in range(250_000):
            limit.check(f"user {number}")
            assert min(number, 50_000) <= len(limit) <= 100_000, "of too many the older half is forgotten"
        assert all(_passing(limit, f"user {number}") == 19 for number in range(200_000, 250_000, 1000))
        assert time.process_time() - begin < 10


class TestWindowRateLimiter:
    async def test_so_many_pass_and_the_next_is_told_when(self) -> None:
        limiter, rule = WindowRateLimiter(), Rule(3, 900)
        assert [await limiter.hit(rule, "login", "ada") for _ in range(3)] == [0, 0, 0]
        assert 890_000 < await limiter.hit(rule, "login", "ada") <= 900_000
        assert await limiter.hit(rule, "login", "bob") == 0

    async def test_looking_ahead_counts_nothing(self) -> None:
        limiter, rule = WindowRateLimiter(), Rule(3, 900)
        for _ in range(10):
            assert await limiter.wait_ms(rule, "ada") == 0
        assert await limiter.wait_ms(rule, "ada", cost=3) == 0
        assert await limiter.wait_ms(rule, "ada", cost=4) > 0
        await limiter.hit(rule, "ada")
        assert await limiter.wait_ms(rule, "ada", cost=3) > 0

    async def test_what_is_forgotten_starts_anew(self) -> None:
        limiter, rule = WindowRateLimiter(), Rule(1, 900)
        await limiter.hit(rule, "ada")
        await limiter.forget(rule, "ada")
        assert await limiter.hit(rule, "ada") == 0

    async def test_a_window_ends(self) -> None:
        limiter, rule = WindowRateLimiter(), Rule(1, 1)
        assert await limiter.hit(rule, "ada") == 0
        deadline = time.monotonic() + 5
        while (wait_ms := await limiter.hit(rule, "ada")) and time.monotonic() < deadline:
            assert 0 < wait_ms <= 1000
            await asyncio.sleep(wait_ms / 1000)
        assert wait_ms == 0

    async def test_the_wait_is_told_to_the_millisecond(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock()
        monkeypatch.setattr(time, "time", clock)
        limiter, rule = WindowRateLimiter(), Rule(1, 60)
        await limiter.hit(rule, "ada")
        clock.now += 20.25
        assert await limiter.hit(rule, "ada") == 39_750
        assert await limiter.wait_ms(rule, "ada") == 39_750

    async def test_a_window_that_ends_while_it_is_asked_is_a_wait_of_a_millisecond(self) -> None:
        class Over(MemoryStorage):
            async def get_expiry(self, key: str) -> float:
                return time.time() - 1

        limiter, rule = WindowRateLimiter(Over()), Rule(1, 60)
        assert await limiter.hit(rule, "ada") == 0
        assert await limiter.hit(rule, "ada") == 1, "0 would say that it was let in"

    async def test_limiters_on_one_storage_count_together(self) -> None:
        storage, rule = MemoryStorage(), Rule(1, 60)
        one, other = WindowRateLimiter(storage), WindowRateLimiter(storage)
        assert await one.hit(rule, "ada") == 0
        assert await other.hit(rule, "ada") > 0

    async def test_of_many_at_once_no_more_than_allowed_pass(self) -> None:
        limiter, rule = WindowRateLimiter(), Rule(5, 900)
        waits = await asyncio.gather(*(limiter.hit(rule, "ada") for _ in range(50)))
        assert waits.count(0) == 5


async def test_without_limits_everything_passes() -> None:
    limiter, rule = NoRateLimiter(), Rule(1, 900)
    for _ in range(5):
        assert await limiter.hit(rule, "ada") == 0
    assert await limiter.wait_ms(rule, "ada", cost=100) == 0
    await limiter.forget(rule, "ada")


def test_a_refusal_says_when_and_how_much() -> None:
    error = rate_limited(Rule(20, 4), 1500, now_s=1_795_324_320.2)
    assert error.code is ErrorCode.RATE_LIMITED
    assert error.retry_after_ms == 1500
    assert problem_headers(error) == {
        "X-RateLimit-Limit": "20",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1795324322",
        "Retry-After": "2",
    }


def test_a_refusal_counts_from_now_if_it_is_not_told_from_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.25)
    error = rate_limited(Rule(1, 3600), 3_600_000)
    assert (error.headers or {})["X-RateLimit-Reset"] == "4601"
    assert error.detail


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("testclient", "testclient"),
        ("", "-"),
    ],
)
def test_an_address_stands_for_who_can_choose_it(address: str, key: str) -> None:
    assert address_key(address) == key

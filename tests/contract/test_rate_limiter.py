"""What every rate limiter promises; see `api.rate_limiter.RateLimiter`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from api.rate_limiter import RateLimiter, Rule
from tests.contract.backends import RATE_LIMITERS

RULE = Rule(3, 60)


@pytest_asyncio.fixture(params=list(RATE_LIMITERS))
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[RateLimiter]:
    async with RATE_LIMITERS[request.param]() as opened:
        yield opened


async def hits(limiter: RateLimiter, count: int, rule: Rule, *key: str) -> list[bool]:
    """Hit so often; tell which were let in."""
    return [await limiter.hit(rule, *key) == 0 for _ in range(count)]


async def test_so_many_are_let_in_and_the_next_hears_how_long_to_wait(limiter: RateLimiter) -> None:
    assert await hits(limiter, 3, RULE, "login", "ada") == [True] * 3
    wait_ms = await limiter.hit(RULE, "login", "ada")
    assert 0 < wait_ms <= 60_000


async def test_keys_count_for_themselves_and_so_do_rules(limiter: RateLimiter) -> None:
    await hits(limiter, 3, RULE, "login", "ada")
    assert await hits(limiter, 1, RULE, "login", "bob") == [True]
    assert await hits(limiter, 1, RULE, "signup", "ada") == [True]
    assert await hits(limiter, 1, Rule(3, 61), "login", "ada") == [True]


async def test_of_many_at_once_no_more_are_let_in(limiter: RateLimiter) -> None:
    waits = await asyncio.gather(*(limiter.hit(Rule(10, 60), "login", "ada") for _ in range(50)))
    assert waits.count(0) == 10


async def test_looking_counts_nothing(limiter: RateLimiter) -> None:
    for _ in range(10):
        assert await limiter.wait_ms(RULE, "login", "ada") == 0
    await hits(limiter, 2, RULE, "login", "ada")
    assert await limiter.wait_ms(RULE, "login", "ada") == 0
    assert 0 < await limiter.wait_ms(RULE, "login", "ada", cost=2) <= 60_000
    assert await hits(limiter, 1, RULE, "login", "ada") == [True]
    assert 0 < await limiter.wait_ms(RULE, "login", "ada") <= 60_000
    assert await hits(limiter, 1, RULE, "login", "ada") == [False]
    assert 0 < await limiter.wait_ms(RULE, "login", "ada") <= 60_000


async def test_what_is_forgotten_starts_anew_and_nothing_else_does(limiter: RateLimiter) -> None:
    for name in ("ada", "bob"):
        await hits(limiter, 3, RULE, "login", name)
    await limiter.forget(RULE, "login", "ada")
    assert await hits(limiter, 4, RULE, "login", "ada") == [True, True, True, False]
    assert await hits(limiter, 1, RULE, "login", "bob") == [False]


async def test_forgetting_what_was_never_counted_is_harmless(limiter: RateLimiter) -> None:
    await limiter.forget(RULE, "login", "nobody")
    assert await hits(limiter, 1, RULE, "login", "nobody") == [True]


async def test_who_waits_as_long_as_he_was_told_is_let_in(limiter: RateLimiter) -> None:
    rule = Rule(2, 1)
    await hits(limiter, 2, rule, "login", "ada")
    async with asyncio.timeout(5):
        while wait_ms := await limiter.hit(rule, "login", "ada"):
            assert wait_ms <= 1000
            await asyncio.sleep(wait_ms / 1000)
    assert await hits(limiter, 2, rule, "login", "ada") == [True, False], "a refusal has counted nothing"

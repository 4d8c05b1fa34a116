"""Wrong passwords are counted before they are known to be wrong."""

import asyncio

import pytest

from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.rate_limiter import Rule, WindowRateLimiter
from api.services.failed_logins import FailedLogins


async def attempt(failed: FailedLogins, outcome: ErrorCode | None, *, gate: asyncio.Event | None = None) -> bool:
    """Try a password; tells whether it could be tried at all."""
    tried = False
    try:
        async with failed.attempt("ada", "192.0.2.1"):
            tried = True
            if gate is not None:
                await gate.wait()
            if outcome is not None:
                raise ChatError(outcome, "no")
    except ChatError as error:
        assert tried is (error.code is not ErrorCode.RATE_LIMITED)  # noqa: PT017 - the other codes are told apart above
    return tried


def failed_logins() -> FailedLogins:
    return FailedLogins(WindowRateLimiter(), Rule(5, 900), stats=NodeStats())


async def test_of_many_guesses_at_once_no_more_than_allowed_are_tried() -> None:
    failed, gate = failed_logins(), asyncio.Event()
    guesses = [asyncio.create_task(attempt(failed, ErrorCode.INVALID_CREDENTIALS, gate=gate)) for _ in range(50)]
    await asyncio.sleep(0.05)  # all that can get in are in; the rest has been refused meanwhile
    gate.set()
    assert sum(await asyncio.gather(*guesses)) <= 5
    tried = 0
    while await attempt(failed, ErrorCode.INVALID_CREDENTIALS):
        tried += 1
    assert tried <= 5


async def test_other_failures_do_not_count() -> None:
    failed = failed_logins()
    for _ in range(20):
        assert await attempt(failed, ErrorCode.UNAVAILABLE)
    for _ in range(5):
        assert await attempt(failed, ErrorCode.INVALID_CREDENTIALS)
    assert not await attempt(failed, None)


async def test_who_goes_away_in_the_middle_is_not_counted_for_ever() -> None:
    failed, gate = failed_logins(), asyncio.Event()
    for _ in range(20):
        task = asyncio.create_task(attempt(failed, None, gate=gate))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await attempt(failed, None)


async def test_a_refusal_tells_the_limit_that_refused_and_is_counted() -> None:
    stats = NodeStats()
    failed = FailedLogins(WindowRateLimiter(), Rule(5, 900), stats=stats)
    for number in range(50):
        with pytest.raises(ChatError):
            async with failed.attempt(f"user{number}", "192.0.2.1"):
                raise ChatError(ErrorCode.INVALID_CREDENTIALS, "no")
    with pytest.raises(ChatError) as caught:
        async with failed.attempt("ada", "192.0.2.1"):
            pass
    assert caught.value.headers is not None
    assert caught.value.headers["X-RateLimit-Limit"] == "50"
    assert {name: count for name, count in stats.limits_exceeded.items() if count} == {"login": 1}

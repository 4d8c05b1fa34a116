"""How often somebody may do something: counted for all nodes together, or at once and here alone.

`RateLimiter` counts what is rare and dear (sign-ups, failed logins), where one storage may serve many nodes.
`LocalLimit` decides on every frame and message, so it neither awaits nor asks anyone.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import limits
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter

from api.domain.errors import ChatError, ErrorCode

# A full bucket is the same as none: buckets are dropped once full, and looked through when their number has doubled.
_SWEEP_MIN = 1024
_KEYS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Rule:
    """So many in so many seconds, such as `20/4 seconds`."""

    count: int
    period_s: int

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Read one limit in the syntax of `limits`.

        Raises:
            ValueError: it is none.
        """
        item = limits.parse(text)
        return cls(item.amount, item.get_expiry())

    def times(self, factor: int) -> "Rule":
        """Allow so many times as much in the same time."""
        return Rule(self.count * factor, self.period_s)


class RateLimiter(Protocol):
    """Counts, for all nodes that share its storage; a key is made of its parts, none of which is secret."""

    async def hit(self, rule: Rule, *key: str) -> int:
        """Count one, and return 0; or count nothing, and return the milliseconds to wait."""
        ...

    async def wait_ms(self, rule: Rule, *key: str, cost: int = 1) -> int:
        """Return 0 if `cost` more would be let in, else the milliseconds to wait; counts nothing."""
        ...

    async def forget(self, rule: Rule, *key: str) -> None:
        """Forget what was counted."""
        ...


class WindowRateLimiter:
    """See `RateLimiter`; counts in fixed windows, each of which begins with the first hit of its key.

    In the memory of `limits` the other strategies look at every key on every hit (a moving window costs 0.6 s of CPU
    with 5,000 keys), which is what somebody who sprays passwords over many names would like.
    """

    def __init__(self, storage: Storage | None = None) -> None:
        self._windows = FixedWindowRateLimiter(storage or MemoryStorage())

    async def hit(self, rule: Rule, *key: str) -> int:
        """Count one; see `RateLimiter.hit`."""
        if await self._windows.hit(_item(rule), *key):
            return 0
        return await self._until_reset_ms(rule, *key)

    async def wait_ms(self, rule: Rule, *key: str, cost: int = 1) -> int:
        """Look ahead; see `RateLimiter.wait_ms`."""
        if await self._windows.test(_item(rule), *key, cost=cost):
            return 0
        return await self._until_reset_ms(rule, *key)

    async def forget(self, rule: Rule, *key: str) -> None:
        """Start anew; see `RateLimiter.forget`."""
        await self._windows.clear(_item(rule), *key)

    async def _until_reset_ms(self, rule: Rule, *key: str) -> int:
        stats = await self._windows.get_window_stats(_item(rule), *key)
        # `limits` keeps its windows by the wall clock.
        return max(1, math.ceil((stats.reset_time - time.time()) * 1000))


class NoRateLimiter:
    """See `RateLimiter`; lets everything in."""

    async def hit(self, rule: Rule, *key: str) -> int:  # noqa: ARG002 - the protocol's
        return 0

    async def wait_ms(self, rule: Rule, *key: str, cost: int = 1) -> int:  # noqa: ARG002 - the protocol's
        return 0

    async def forget(self, rule: Rule, *key: str) -> None:
        """Have nothing to forget."""


class LocalLimit:
    """A token bucket for each key, in this process: `20/4 seconds` is a burst of 20, and 5 more each second.

    Kept as the moment at which a key's bucket is full again (GCRA), one number a key. Buckets that are full are
    forgotten; of 100,000 others the older half is.

    Args:
        rule: in the syntax of `limits`.
        clock: seconds that never go back.
    """

    def __init__(self, rule: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._rule = Rule.parse(rule)
        self._interval_s = self._rule.period_s / self._rule.count
        self._clock = clock
        self._full_at_s: dict[str, float] = {}
        self._sweep_at = _SWEEP_MIN

    @property
    def rule(self) -> Rule:
        """Return the limit that is kept."""
        return self._rule

    def check(self, key: str) -> int:
        """Take one and return 0; or take nothing and return the milliseconds to wait."""
        now_s = self._clock()
        full_at_s = self._full_at_s.get(key)
        if full_at_s is None:
            self._make_room(now_s)
            full_at_s = now_s
        full_at_s = max(full_at_s, now_s) + self._interval_s
        wait_s = full_at_s - now_s - self._rule.period_s
        wait_ms = _up(wait_s * 1000)
        if wait_ms:
            return wait_ms
        self._full_at_s[key] = full_at_s
        return 0

    def __len__(self) -> int:
        """Count the keys that are remembered."""
        return len(self._full_at_s)

    def _make_room(self, now_s: float) -> None:
        if len(self._full_at_s) < self._sweep_at:
            return
        self._full_at_s = {key: full_at_s for key, full_at_s in self._full_at_s.items() if full_at_s > now_s}
        if len(self._full_at_s) > _KEYS_MAX // 2:
            # A half at once, so that the work for one key stays small whatever comes.
            for oldest in list(self._full_at_s)[: -_KEYS_MAX // 2]:
                del self._full_at_s[oldest]
        self._sweep_at = max(_SWEEP_MIN, 2 * len(self._full_at_s))


def rate_limited(rule: Rule, wait_ms: int, *, now_s: float | None = None) -> ChatError:
    """Build the answer to one request too many, with the headers that say how much is allowed and when."""
    reset_s = (time.time() if now_s is None else now_s) + wait_ms / 1000
    return ChatError(
        ErrorCode.RATE_LIMITED,
        "Too many requests; come back later.",
        retry_after_ms=wait_ms,
        headers=limit_headers(rule.count, reset_s=reset_s),
    )


def limit_headers(count: int, *, reset_s: float) -> dict[str, str]:
    """Write the `X-RateLimit-*` of a refusal, where nothing is left; the reset is in seconds since 1970, rounded up."""
    return {
        "X-RateLimit-Limit": str(count),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(math.ceil(reset_s)),
    }


def address_key(address: str) -> str:
    """Name whoever is behind an address: a /64 is one customer's in IPv6, and gives 2^64 addresses to try from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address or "-"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)


def _up(value: float) -> int:
    # Floats that have been added up are a little above what they should be.
    return max(0, math.ceil(round(value, 3)))


def _item(rule: Rule) -> limits.RateLimitItem:
    return limits.RateLimitItemPerSecond(rule.count, rule.period_s)

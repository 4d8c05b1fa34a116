"""Failed logins, counted for each account and address, so that nobody can guess, nor lock somebody else out."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api import log_events
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.rate_limiter import RateLimiter, Rule, address_key, rate_limited

# One address may be a whole office; it may also be one guesser who tries one password on many accounts.
_ACCOUNTS_OF_AN_ADDRESS = 10


class FailedLogins:
    """Lets passwords be tried, until too many were wrong.

    Wrong ones are counted against the account as tried from one address, and ten times as many against the address.
    During a block the right password is refused like a wrong one; from another address it is not.

    Args:
        limiter: counts.
        rule: wrong passwords for one account from one address.
        stats: counts what was refused.
    """

    def __init__(self, limiter: RateLimiter, rule: Rule, *, stats: NodeStats) -> None:
        self._limiter = limiter
        self._stats = stats
        self._rule = rule
        self._address_rule = rule.times(_ACCOUNTS_OF_AN_ADDRESS)
        # Tries under way count as wrong until they are known: many at once would all see the same low count.
        self._under_way: Counter[tuple[str, ...]] = Counter()

    @asynccontextmanager
    async def attempt(self, account: str, address: str) -> AsyncIterator[None]:
        """Try a password within this block, which raises `invalid_credentials` if it was wrong.

        Args:
            account: the account's name, folded; it need not exist.
            address: of the client.

        Raises:
            ChatError: `rate_limited`, before anything was tried.
        """
        source = address_key(address)
        keys = (("login", account, source), ("login", source))
        rules = dict(zip(keys, (self._rule, self._address_rule), strict=True))
        self._under_way.update(keys)
        try:
            for key, rule in rules.items():
                wait_ms = await self._limiter.wait_ms(rule, *key, cost=self._under_way[key])
                if wait_ms:
                    self._stats.limits_exceeded["login"] += 1
                    log_events.RATE_LIMIT_EXCEEDED.emit(limit="login", client=address)
                    raise rate_limited(rule, wait_ms)
            try:
                yield
            except ChatError as error:
                if error.code is ErrorCode.INVALID_CREDENTIALS:
                    for key, rule in rules.items():
                        await self._limiter.hit(rule, *key)
                raise
            await self._limiter.forget(self._rule, *keys[0])
        finally:
            self._under_way.subtract(keys)
            for key in keys:
                if not self._under_way[key]:
                    del self._under_way[key]

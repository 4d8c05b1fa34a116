"""How often somebody may ask. The HTTP door is slowapi's decorator, the message door a bucket of this process.

Only the decorator: slowapi's middleware lets every included route through unlimited. It runs behind the dependencies,
so that it knows the user, and before the handler, so before any effect.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import limits
from limits import RateLimitItem
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from starlette.requests import HTTPConnection

from api import log_events
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError
from api.rate_limiter import LocalLimit, Rule, address_key, rate_limited

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])

Bucket = Literal["messages", "history", "commands"]

_SCOPE = "rest"


class _Limiter(Limiter):
    """Takes its settings from its arguments: not from RATELIMIT_* in the environment, where `false` counts as true."""

    def get_app_config(self, key: str, default_value: Any = None) -> Any:  # noqa: ANN401, ARG002 - the library's
        """Return the default."""
        return default_value


class HttpLimits:
    """One budget for all REST requests of a user, or of an address where nobody is logged in.

    Args:
        rule: in the syntax of `limits`.
        is_enabled: False lets everything in.
        stats: counts what was refused.
    """

    def __init__(self, rule: str, *, is_enabled: bool, stats: NodeStats) -> None:
        self._rule = rule
        self._stats = stats
        self.limiter = _Limiter(
            key_func=_requester,
            enabled=is_enabled,
            strategy="fixed-window",
            storage_uri="memory://",
            storage_options={},  # the library's default is one dict for all limiters
            key_style="endpoint",
        )
        # It would tell of each refusal in words of its own, beside rate_limit.exceeded.
        self.limiter.logger.setLevel(logging.ERROR)

    def limit(self, handler: HandlerT) -> HandlerT:
        """Make a route's handler count; it must have a parameter `request`, and a name that no other handler has."""
        limited: HandlerT = self.limiter.shared_limit(self._rule, scope=_SCOPE)(handler)
        return limited

    def count_refused(self, request: HTTPConnection) -> None:
        """Count a request that never reaches the decorator: one without a good token, or that cannot be understood.

        It counts against the user, or the address where it is not known who asks.

        Raises:
            ChatError: `rate_limited`.
        """
        item = limits.parse(self._rule)
        key = (_requester(request), _SCOPE)
        if self.limiter.enabled and not self.limiter.limiter.hit(item, *key):
            request.state.view_rate_limit = (item, key)
            raise self.refusal(request)

    def refusal(self, request: HTTPConnection, _exceeded: RateLimitExceeded | None = None) -> ChatError:
        """Build the answer to one request too many."""
        item: RateLimitItem
        item, key = request.state.view_rate_limit
        reset_s, _ = self.limiter.limiter.get_window_stats(item, *key)
        client = request.client.host if request.client else ""
        self._stats.limits_exceeded["rest"] += 1
        log_events.RATE_LIMIT_EXCEEDED.emit(
            limit="rest", user_id=getattr(request.state, "user_id", None), client=client
        )
        now_s = time.time()  # the clock that the library's windows go by
        wait_ms = max(1, round((reset_s - now_s) * 1000))
        return rate_limited(Rule(item.amount, item.get_expiry()), wait_ms, now_s=now_s)


def http_limits_of(connection: HTTPConnection) -> HttpLimits:
    """Return the limits of the app that a request came to."""
    return cast(HttpLimits, connection.app.state.http_limits)


def _requester(request: HTTPConnection) -> str:
    user_id = getattr(request.state, "user_id", None)
    if user_id is not None:
        return f"user:{user_id}"
    return f"address:{address_key(request.client.host if request.client else '')}"


class MessageLimits:
    """Budgets of a user over all his sockets, and of his messages over REST too: the message door.

    Args:
        messages: rule for what is sent, edited and deleted; None lets everything in.
        history: rule for `history.get`.
        commands: rule for every other command.
        stats: counts what was refused.
    """

    def __init__(self, *, messages: str | None, history: str | None, commands: str | None, stats: NodeStats) -> None:
        self._stats = stats
        self._limits = {
            name: LocalLimit(rule)
            for name, rule in (("messages", messages), ("history", history), ("commands", commands))
            if rule is not None
        }

    @property
    def messages(self) -> Rule | None:
        """Return the limit of messages, None where there is none."""
        limit = self._limits.get("messages")
        return None if limit is None else limit.rule

    def check(self, bucket: Bucket, user_id: str, address: str) -> None:
        """Take one from a user's budget, before any effect.

        Args:
            bucket: which budget.
            user_id: whose.
            address: of the client, for the log.

        Raises:
            ChatError: `rate_limited`.
        """
        limit = self._limits.get(bucket)
        if limit is not None and (wait_ms := limit.check(user_id)):
            self._stats.limits_exceeded[bucket] += 1
            log_events.RATE_LIMIT_EXCEEDED.emit(limit=bucket, user_id=user_id, client=address)
            raise rate_limited(limit.rule, wait_ms)


class HandshakeLimits:
    """How often one address may knock.

    Args:
        rule: None lets everybody in.
        stats: counts what was refused.
    """

    def __init__(self, rule: str | None, *, stats: NodeStats) -> None:
        self._stats = stats
        self._limit = None if rule is None else LocalLimit(rule)

    def check(self, address: str) -> None:
        """Take one from an address's budget.

        Raises:
            ChatError: `rate_limited`.
        """
        if self._limit is not None and (wait_ms := self._limit.check(address_key(address))):
            self._stats.limits_exceeded["handshake"] += 1
            log_events.RATE_LIMIT_EXCEEDED.emit(limit="handshake", user_id=None, client=address)
            raise rate_limited(self._limit.rule, wait_ms)

"""The message door of the limits, and what is counted where no decorator is reached."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace

import pytest
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.middleware.rate_limit import HandshakeLimits, HttpLimits, MessageLimits, http_limits_of
from tests.unit.middleware.asgi import http_scope


def limits(
    messages: str | None = "2/hour", history: str | None = "1/hour", commands: str | None = "3/hour"
) -> MessageLimits:
    return MessageLimits(messages=messages, history=history, commands=commands, stats=NodeStats())


def is_refused(limited: MessageLimits, bucket: str, user_id: str = "ada") -> bool:
    try:
        limited.check(bucket, user_id, "192.0.2.1")  # type: ignore[arg-type] # a parameter of the test
    except ChatError as error:
        return error.code is ErrorCode.RATE_LIMITED
    return False


def test_each_bucket_has_a_budget_of_its_own() -> None:
    limited = limits()
    assert [is_refused(limited, "messages") for _ in range(3)] == [False, False, True]
    assert [is_refused(limited, "history") for _ in range(2)] == [False, True]
    assert [is_refused(limited, "commands") for _ in range(4)] == [False, False, False, True]


def test_each_user_has_a_budget_of_his_own() -> None:
    limited = limits()
    assert [is_refused(limited, "history", user) for user in ("ada", "bob", "ada")] == [False, False, True]


def test_the_refusal_says_when_and_is_one_line_with_the_user() -> None:
    limited = limits(messages="1/hour")
    limited.check("messages", "ada", "192.0.2.1")
    with capture_logs() as lines, pytest.raises(ChatError) as caught:
        limited.check("messages", "ada", "192.0.2.1")
    assert caught.value.code is ErrorCode.RATE_LIMITED
    assert caught.value.retry_after_ms is not None
    assert 3_590_000 < caught.value.retry_after_ms <= 3_600_000
    assert lines == [
        {
            "event": "rate_limit.exceeded",
            "log_level": "warning",
            "limit": "messages",
            "user_id": "ada",
            "client": "192.0.2.1",
        }
    ]


def test_each_refusal_is_counted_under_the_name_of_its_limit() -> None:
    stats = NodeStats()
    messages = MessageLimits(messages="1/hour", history="1/hour", commands=None, stats=stats)
    handshakes = HandshakeLimits("1/hour", stats=stats)
    asking = Asking(HttpLimits("1/hour", is_enabled=True, stats=stats))
    for _ in range(3):
        is_refused(messages, "messages")
        asking.refused()
    for _ in range(4):
        with contextlib.suppress(ChatError):
            handshakes.check("192.0.2.1")
    counted = {name: count for name, count in stats.limits_exceeded.items() if count}
    assert counted == {"messages": 2, "rest": 2, "handshake": 3}


def test_without_rules_everything_passes_and_no_limit_is_told() -> None:
    limited = limits(None, None, None)
    assert limited.messages is None
    assert not any(is_refused(limited, bucket) for bucket in ("messages", "history", "commands") for _ in range(100))


def test_the_limit_of_messages_is_told_as_it_is() -> None:
    rule = limits("20/4 seconds").messages
    assert rule is not None
    assert (rule.count, rule.period_s) == (20, 4)


def test_an_address_may_knock_so_often_and_a_network_of_version_6_is_one() -> None:
    limited = HandshakeLimits("1/hour", stats=NodeStats())
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8:1:2::1"):
        limited.check(address)
    with capture_logs() as lines:
        for address in ("192.0.2.1", "2001:db8:1:2:ffff::9"):
            with pytest.raises(ChatError) as caught:
                limited.check(address)
            assert caught.value.code is ErrorCode.RATE_LIMITED
    assert [(line["limit"], line["user_id"], line["client"]) for line in lines] == [
        ("handshake", None, "192.0.2.1"),
        ("handshake", None, "2001:db8:1:2:ffff::9"),
    ]


def test_without_a_rule_everybody_may_knock() -> None:
    limited = HandshakeLimits(None, stats=NodeStats())
    for _ in range(100):
        limited.check("192.0.2.1")


class Asking:
    """One address, or one user wherever he is, who is refused before any route."""

    def __init__(self, limited: HttpLimits) -> None:
        self._limited = limited

    def refused(self, address: str = "192.0.2.1", user_id: str | None = None) -> bool:
        state = {} if user_id is None else {"user_id": user_id}
        connection = HTTPConnection(http_scope(client=(address, 1), state=state))
        try:
            self._limited.count_refused(connection)
        except ChatError as error:
            return error.code is ErrorCode.RATE_LIMITED
        return False


def test_what_is_refused_before_its_route_counts_against_who_asks() -> None:
    asking = Asking(HttpLimits("2/hour", is_enabled=True, stats=NodeStats()))
    assert [asking.refused() for _ in range(3)] == [False, False, True]
    assert not asking.refused("192.0.2.2")
    assert [asking.refused(user_id="ada") for _ in range(3)] == [False, False, True]
    assert asking.refused("192.0.2.2", user_id="ada"), "a user is one wherever he comes from"


def test_the_refusal_of_one_request_too_many_carries_the_limit_and_the_wait() -> None:
    limited = HttpLimits("1/minute", is_enabled=True, stats=NodeStats())
    connection = HTTPConnection(http_scope(client=None))
    limited.count_refused(connection)
    with capture_logs() as lines, pytest.raises(ChatError) as caught:
        limited.count_refused(connection)
    headers = caught.value.headers or {}
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("1", "0")
    assert caught.value.retry_after_ms is not None
    assert 0 < caught.value.retry_after_ms <= 60_000
    assert [(line["limit"], line["user_id"], line["client"]) for line in lines] == [("rest", None, "")]


def test_the_wait_ends_with_the_window_to_the_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr(time, "time", lambda: clock.now_s)
    limited = HttpLimits("1/minute", is_enabled=True, stats=NodeStats())
    connection = HTTPConnection(http_scope())
    limited.count_refused(connection)
    clock.now_s += 20.25
    with pytest.raises(ChatError) as caught:
        limited.count_refused(connection)
    assert caught.value.retry_after_ms == 39_750
    assert (caught.value.headers or {})["X-RateLimit-Reset"] == "1060"
    clock.now_s += 60
    assert limited.refusal(connection).retry_after_ms == 1, "the window has ended before the answer is written"


def test_the_reset_is_the_windows_end_by_the_clock_that_the_wait_was_read_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited = HttpLimits("1/minute", is_enabled=True, stats=NodeStats())
    connection = HTTPConnection(http_scope())
    limited.count_refused(connection)
    behind = SimpleNamespace(time=lambda: time.time() - 1000)
    monkeypatch.setattr("api.middleware.rate_limit.time", behind)
    with pytest.raises(ChatError) as caught:
        limited.count_refused(connection)
    assert 0 <= int((caught.value.headers or {})["X-RateLimit-Reset"]) - time.time() <= 62


def test_a_connection_knows_the_limits_of_its_app() -> None:
    limited = HttpLimits("1/hour", is_enabled=True, stats=NodeStats())
    app = SimpleNamespace(state=SimpleNamespace(http_limits=limited))
    assert http_limits_of(HTTPConnection(http_scope(app=app))) is limited


def test_where_limits_are_off_nothing_is_counted() -> None:
    asking = Asking(HttpLimits("1/hour", is_enabled=False, stats=NodeStats()))
    assert not any(asking.refused() for _ in range(10))

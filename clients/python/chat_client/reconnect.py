"""When to try again, and when not to: the rules for the end of a connection and for a failed attempt. Pure, no I/O."""

from dataclasses import dataclass

from chat_client.close_codes import RATE_LIMITED_WAIT_S, AfterClose, after_close
from chat_client.errors import (
    BadAnswerError,
    ChatApiError,
    ChatClientError,
    ConnectionClosedError,
    HandshakeRefusedError,
    ServerUnreachableError,
)

# A ticket may have been too slow, or spent on an attempt whose answer was lost.
_REPLACED_BY_A_NEW_TICKET = "invalid_ticket"
_REPLACED_BY_A_REFRESH = frozenset({"token_expired", "invalid_token", "missing_token"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do next.

    Attributes:
        stop: Not to try again.
        refresh: The access token is of no use any more.
        wait_s: What to wait at least, beside the backoff.
    """

    stop: bool = False
    refresh: bool = False
    wait_s: float = 0.0


STOP = Plan(stop=True)


def plan(error: ChatClientError, *, draining_s: float | None = None, refreshed: bool = False) -> Plan:
    """Say what follows from `error`.

    Args:
        draining_s: What `server.draining` asked for on the connection that ended.
        refreshed: The refused access token was fresh, so another one would be refused as well.
    """
    match error:
        case ConnectionClosedError():
            return _after_close(error.code, draining_s or 0.0)
        case HandshakeRefusedError() if error.code in _REPLACED_BY_A_REFRESH and not refreshed:
            return Plan(refresh=True, wait_s=error.retry_after_s)
        case HandshakeRefusedError() if error.code == "token_expired":
            # Although it is fresh: the clocks of the server's nodes disagree, which passes.
            return Plan(wait_s=error.retry_after_s)
        case ChatApiError() if error.retryable or error.code == _REPLACED_BY_A_NEW_TICKET:
            return Plan(wait_s=error.retry_after_s)
        case ServerUnreachableError() | BadAnswerError():
            return Plan()
        case _:
            return STOP


def _after_close(code: int, draining_s: float) -> Plan:
    match after_close(code):
        case AfterClose.STOP:
            return STOP
        case AfterClose.REFRESH:
            return Plan(refresh=True)
        case AfterClose.WAIT_A_MINUTE:
            return Plan(wait_s=RATE_LIMITED_WAIT_S)
        case AfterClose.RECONNECT:
            # With any code, not only 4001: a server that drains may also just vanish.
            return Plan(wait_s=draining_s)

"""How many sockets there may be."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.domain.errors import ChatError, ErrorCode
from api.rate_limiter import limit_headers

RETRY_AFTER_MS = 5000


class ConnectionSlots:
    """Places for sockets on this node: so many in all, so many a user; each taken before the upgrade."""

    def __init__(self, *, total_max: int, per_user_max: int) -> None:
        self._total_max = total_max
        self._per_user_max = per_user_max
        self._taken: Counter[str] = Counter()
        self._total = 0

    def check(self, user_id: str | None) -> None:
        """Refuse where there is no place left; without a user, only where there is none for anybody.

        Raises:
            ChatError: `connection_limit`.
        """
        if self._total >= self._total_max:
            raise _limit("This server has as many connections as it can take.", self._total_max)
        if user_id is not None and self._taken[user_id] >= self._per_user_max:
            raise _limit("This user has as many connections as one may have.", self._per_user_max)

    @contextmanager
    def take(self, user_id: str) -> Iterator[None]:
        """Hold a place for one socket.

        Raises:
            ChatError: `connection_limit`.
        """
        self.check(user_id)
        self._taken[user_id] += 1
        self._total += 1
        try:
            yield
        finally:
            self._total -= 1
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]


def _limit(detail: str, count: int) -> ChatError:
    headers = limit_headers(count, reset_s=time.time() + RETRY_AFTER_MS / 1000)
    return ChatError(ErrorCode.CONNECTION_LIMIT, detail, retry_after_ms=RETRY_AFTER_MS, headers=headers)

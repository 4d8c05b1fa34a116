"""The database's bad times, told once when they begin and once when they end."""

import time
from collections.abc import Callable
from typing import Literal

from api import log_events


class Outage:
    """Whether one kind of access to the database fails; a storm of failures is one line in the log.

    Args:
        operation: what fails, as the log calls it.
    """

    def __init__(self, operation: Literal["read", "write"], clock: Callable[[], float] = time.monotonic) -> None:
        self._operation = operation
        self._clock = clock
        self._since_s: float | None = None

    def failed(self, error: BaseException) -> None:
        """Note a failure."""
        if self._since_s is None:
            self._since_s = self._clock()
            log_events.STORE_UNAVAILABLE.emit(operation=self._operation, exc_info=error)

    def worked(self) -> None:
        """Note a success."""
        if self._since_s is not None:
            log_events.STORE_RECOVERED.emit(seconds=round(self._clock() - self._since_s, 1))
            self._since_s = None

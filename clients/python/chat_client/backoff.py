"""How long to wait before the next attempt."""

import random
from collections.abc import Callable

Jitter = Callable[[float, float], float]
"""Draws a number between two others, as `random.uniform` does."""


class Backoff:
    """Full jitter between `shortest_s` and a ceiling that doubles with each attempt up to `longest_s`.

    Full jitter, because clients that lost one server together must not come back together. The shortest wait keeps a
    server that accepts and closes at once from being asked in a loop.
    """

    def __init__(self, *, shortest_s: float = 0.5, longest_s: float = 20.0, jitter: Jitter = random.uniform) -> None:
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self._jitter = jitter
        self._attempt = 0

    @property
    def attempt(self) -> int:
        """How many waits were drawn since the last `reset`."""
        return self._attempt

    def next_s(self) -> float:
        """Draw the next wait, in seconds."""
        self._attempt += 1
        # The exponent is bounded: 2.0 ** 1024 raises.
        ceiling = min(self._longest_s, self._shortest_s * 2.0 ** min(self._attempt, 60))
        return self._jitter(self._shortest_s, max(self._shortest_s, ceiling))

    def reset(self) -> None:
        """Begin again with the shortest waits, after a success."""
        self._attempt = 0

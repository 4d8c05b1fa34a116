"""How properties are searched: so many examples, the same ones each time, and how much work one of them is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Final, TypeVar

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

T = TypeVar("T")
R = TypeVar("R")

QUICK: Final = 200
LONG: Final = 20_000

# Text of any code points, lone surrogates too: that is what JSON's escapes and Python's headers can bring.
ANY_TEXT: Final = st.text(st.characters(), max_size=200) | st.text(st.sampled_from("\ud800\udfff\x00\n\x7fa\u202e"))
JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.sampled_from([2**53, 2**63, -(2**70), 10**400, float("inf"), "", "x" * 3_000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)


def search(strategy: st.SearchStrategy[T], holds: Callable[[T], object], examples: int) -> None:
    """Look for an example of which this does not hold, and show the simplest."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(strategy)
    def holds_always(value: T) -> None:
        note(repr(value)[:2_000])
        holds(value)

    holds_always()


class Work:
    """Counts the Python functions that something calls: work that is the same on every machine."""

    def __init__(self) -> None:
        """Begin with none."""
        self.calls = 0

    def of(self, something: Callable[[], R]) -> R:
        """Do it, and count."""
        self.calls = 0
        before = sys.getprofile()
        sys.setprofile(self._count)
        try:
            return something()
        finally:
            sys.setprofile(before)

    def _count(self, _frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            self.calls += 1

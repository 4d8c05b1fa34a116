"""Values that only the server knows, as the model writes them down before it has seen them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

UUID7: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SECRET: Final = re.compile(r"[A-Za-z0-9_.-]{20,4096}")
WORD: Final = re.compile(r"\S{1,256}")
DELETED_NAME: Final = re.compile(r"deleted-[0-9a-f]{8}")


class Fresh:
    """Text that the server makes up: any of its kind at first sight, the same ever after."""

    def __init__(self, kind: re.Pattern[str], taken: set[str] | None = None) -> None:
        """Stand for text of this kind; `taken` holds what may not come twice."""
        self._kind = kind
        self._taken = taken
        self._value: str | None = None

    @classmethod
    def known(cls, value: str) -> Fresh:
        """Stand for what the server has shown before the model began."""
        fresh = cls(WORD)
        fresh._value = value
        return fresh

    @property
    def value(self) -> str:
        """The text, once it was seen."""
        assert self._value is not None, "the server has not shown this value yet"
        return self._value

    def agrees(self, actual: object) -> bool:
        """Tell whether this may be the value; the first one that may be it is."""
        if self._value is not None:
            return actual == self._value
        if not isinstance(actual, str) or not self._kind.fullmatch(actual):
            return False
        if self._taken is not None:
            if actual in self._taken:
                return False
            self._taken.add(actual)
        self._value = actual
        return True

    def __repr__(self) -> str:
        return f"<{self._kind.pattern if self._value is None else self._value}>"


def time() -> Fresh:
    """Stand for a time."""
    return Fresh(TIME)


def differences(expected: object, actual: object, where: str = "") -> Iterator[str]:
    """Tell where an answer is not what the model says, learning what is fresh on the way."""
    if isinstance(expected, Fresh):
        if not expected.agrees(actual):
            yield f"{where or '.'}: expected {expected!r}, got {actual!r}"
    elif isinstance(expected, Mapping) and isinstance(actual, Mapping):
        if expected.keys() != actual.keys():
            yield f"{where or '.'}: expected the fields {sorted(expected)}, got {sorted(actual)}"
            return
        for name, value in expected.items():
            yield from differences(value, actual[name], f"{where}.{name}")
    elif _is_list(expected) and _is_list(actual):
        assert isinstance(expected, Sequence)
        assert isinstance(actual, Sequence)
        if len(expected) != len(actual):
            yield f"{where or '.'}: expected {len(expected)} items, got {len(actual)}: {expected} / {actual}"
            return
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(one, other, f"{where}[{index}]")
    elif type(expected) is not type(actual) or expected != actual:
        yield f"{where or '.'}: expected {expected!r}, got {actual!r}"


def check_same(expected: object, actual: object, what: str) -> None:
    """Assert that an answer is what the model says."""
    found = list(differences(expected, actual))
    assert not found, f"{what}\n" + "\n".join(found)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)

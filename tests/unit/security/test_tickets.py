"""Opaque secrets."""

from hashlib import sha256

import pytest

from api.security import tickets


def test_a_secret_is_known_by_its_hash_alone() -> None:
    token = tickets.mint()
    assert tickets.digest(token.text) == token.digest == sha256(token.text.encode()).digest()
    assert token.text not in repr(token)


def test_every_secret_is_another() -> None:
    assert len({tickets.mint().text for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "text", ["", "x", "a" * 42, "a" * 44, "a" * 42 + "=", "é" * 43, "\ud800" * 43, "a" * 43 + "\n"]
)
def test_what_was_never_made_is_not_looked_up(text: str) -> None:
    assert tickets.digest(text) is None

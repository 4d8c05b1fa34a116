"""Tokens: rows 18 to 30."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_TOKENS: Final = "api/security/tokens.py"
_UNIT: Final = "tests/unit/security/test_tokens.py"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(
            ["23"],
            "believe a token of any length",
            [Edit(_TOKENS, "len(token) > TOKEN_BYTES_MAX", "len(token) > 1_000_000")],
            [f"{_UNIT}::test_long_tokens_are_refused_unread"],
        ),
    ],
    without={},
)

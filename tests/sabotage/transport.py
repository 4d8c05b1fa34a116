"""Handshake and transport: rows 1 to 17."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_HANDSHAKE: Final = "tests/server/test_handshake.py"
_UNIT_HANDSHAKE: Final = "tests/unit/ws/test_handshake.py"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(
            ["1"],
            "let in by a cookie",
            [
                Edit(
                    "api/ws/handshake.py",
                    'websocket.headers.get("authorization", "").partition(" ")',
                    '("Bearer " + websocket.cookies.get("token", "")).partition(" ")',
                )
            ],
            [f"{_HANDSHAKE}::test_without_a_credential_there_is_no_upgrade"],
        ),
    ],
    without={},
)

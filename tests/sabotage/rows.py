"""The sabotages of all topics."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.sabotage import accounts, frames, handshake, rooms, sessions, tokens, transport, traps
from tests.sabotage.sabotage import Topic

TOPICS: Final[Mapping[str, Topic]] = MappingProxyType(
    {
        "handshake": handshake.TOPIC,
        "transport": transport.TOPIC,
        "tokens": tokens.TOPIC,
        "sessions": sessions.TOPIC,
        "accounts": accounts.TOPIC,
        "rooms": rooms.TOPIC,
        "frames": frames.TOPIC,
        "traps": traps.TOPIC,
    }
)

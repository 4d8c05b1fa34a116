"""Rooms: rows 40 to 48."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Topic

TOPIC: Final = Topic(sabotages=[], without={})

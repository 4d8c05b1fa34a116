"""Frames and content: rows 49 to 68."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Topic

TOPIC: Final = Topic(sabotages=[], without={})

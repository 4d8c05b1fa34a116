"""Accounts: rows 31 to 39."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Topic

TOPIC: Final = Topic(sabotages=[], without={})

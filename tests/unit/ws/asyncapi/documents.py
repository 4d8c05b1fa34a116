"""The document that these tests look at: of a server with default settings, as a client would read it."""

from __future__ import annotations

import functools
import json
from typing import Any

from api.ws.asyncapi.document import describe
from config.settings import Settings
from tests.support.judge import limits_of


@functools.cache
def document() -> dict[str, Any]:
    """Build it once."""
    made: dict[str, Any] = json.loads(json.dumps(describe(limits_of(Settings.load(None)))))
    return made

"""What somebody answered over HTTP who need not be a chat server."""

from typing import Any

import httpx2


def json_object(response: httpx2.Response) -> dict[str, Any]:
    """Read the JSON object of an answer; an empty one where there is none."""
    try:
        found = response.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

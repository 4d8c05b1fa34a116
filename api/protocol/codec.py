"""JSON text in and out."""

from typing import Any

import orjson


def encode(value: dict[str, Any]) -> bytes:
    """Write one JSON object as UTF-8.

    Raises:
        TypeError: the value holds text that UTF-8 cannot carry; nothing validated ever does.
    """
    return orjson.dumps(value)


def decode(data: bytes | str) -> Any:  # noqa: ANN401 - JSON is any
    """Read one JSON value.

    Raises:
        ValueError: it is no JSON (RFC 8259), which NaN and lone surrogates are not, either.
    """
    return orjson.loads(data)

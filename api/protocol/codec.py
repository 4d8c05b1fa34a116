"""JSON text in and out."""

import json
from collections.abc import Iterable, Sequence
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


def repeated_key(data: bytes, key_count: int, values: Iterable[object]) -> str | None:
    """Find a key that an object in this JSON text has twice; readers keep one of the two without a word.

    Args:
        data: has been read without an error, into an object.
        key_count: how many keys that has.
        values: its values.
    """
    # A key has two quotation marks and a text two more. Only where there are others is it worth a second look.
    marks = 2 * key_count
    for value in values:
        if type(value) is str:
            marks += 2
    if data.count(b'"') <= marks:
        return None
    try:
        # Numbers stay text: Python refuses to read those of thousands of digits.
        json.loads(data, object_pairs_hook=_refuse_repeated, parse_int=str, parse_float=str)
    except _RepeatedKeyError as error:
        return str(error)
    except RecursionError:
        # So deep is nothing that has a meaning here; it is refused for that.
        return None
    return None


class _RepeatedKeyError(Exception):
    pass


def _refuse_repeated(pairs: Sequence[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKeyError(key)
        seen.add(key)

"""Pages: `limit` and the opaque `cursor` of every listing."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query
from pydantic import AfterValidator, Field, WithJsonSchema

from api.protocol.examples import CURSOR
from api.protocol.fields import PAGE_LIMIT_DEFAULT, PageLimit, canonical_id
from api.rest.schemas import RequestBody, may_be_absent

Item = TypeVar("Item")


def _read_cursor(text: str) -> str:
    try:
        return canonical_id(base64.b32decode(text + "=" * (-len(text) % 8), casefold=True).decode())
    except (binascii.Error, ValueError):
        raise ValueError("is no cursor of this API") from None


def _write_cursor(last_id: str) -> str:
    # Base32 and not the id itself, so that nobody builds on what it holds.
    return base64.b32encode(last_id.encode()).decode().rstrip("=").lower()


Cursor = Annotated[
    str,
    AfterValidator(_read_cursor),
    WithJsonSchema({"type": "string", "minLength": 1, "examples": [CURSOR]}),
]
NextCursor = Annotated[str | None, Field(description="Ask for the next page with it; null at the end.")]


class PageQuery(RequestBody):
    """Which page: `next_cursor` of the one before, and how many items."""

    cursor: Cursor | None = Field(
        default=None, description="The `next_cursor` of the page before.", json_schema_extra=may_be_absent
    )
    limit: PageLimit = Field(default=PAGE_LIMIT_DEFAULT, description="How many items at most.")


Page = Annotated[PageQuery, Query()]


def page_of(
    found: Sequence[Item], limit: int, *, id_of: Callable[[Item], str], as_object: Callable[[Item], Any]
) -> dict[str, Any]:
    """Build a page from items of which one more than `limit` was asked for."""
    items = found[:limit]
    return {
        "items": [as_object(item) for item in items],
        "next_cursor": _write_cursor(id_of(items[-1])) if len(found) > limit else None,
    }

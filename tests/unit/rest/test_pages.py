"""Pages: the cursor goes round, and nothing else passes for one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from api.rest.pages import PageQuery, page_of
from tests.unit.store.scene import new_id


def page(found: list[str], limit: int) -> tuple[list[str], str | None]:
    made = page_of(found, limit, id_of=lambda item: item, as_object=lambda item: item)
    return made["items"], made["next_cursor"]


def test_following_the_cursors_shows_everything_once_and_ends_with_null() -> None:
    ids = sorted(new_id() for _ in range(10))
    for limit in (1, 3, 5, 9, 10, 11):
        seen: list[str] = []
        cursor: str | None = None
        while True:
            behind = "" if cursor is None else PageQuery(cursor=cursor).cursor or ""
            items, cursor = page([one for one in ids if one > behind][: limit + 1], limit)
            assert len(items) <= limit
            seen += items
            if cursor is None:
                break
        assert seen == ids


def test_an_empty_page_has_no_next() -> None:
    assert page([], 5) == ([], None)


def test_a_cursor_is_opaque_and_fits_into_a_query_as_it_is() -> None:
    ids = [new_id(), new_id()]
    _items, cursor = page(ids, 1)
    assert cursor is not None
    assert cursor.isalnum()
    assert ids[0] not in cursor
    assert PageQuery(cursor=cursor.upper()).cursor == ids[0], "some programs shout"


@pytest.mark.parametrize(
    "cursor", ["", "abc", "0", "!", "a" * 1000, "01980000-0000-7000-8000-00000000beef", "\u00e4", "aaaa====", " "]
)
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationError):
        PageQuery(cursor=cursor)


@pytest.mark.parametrize("limit", [0, 201, -1])
def test_a_limit_is_1_to_200(limit: int) -> None:
    with pytest.raises(ValidationError):
        PageQuery(limit=limit)
    assert PageQuery().limit == 50

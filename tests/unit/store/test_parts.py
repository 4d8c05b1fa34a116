"""Many ids, in parts."""

from __future__ import annotations

import pytest

from api.store.parts import IDS_AT_ONCE, in_parts


@pytest.mark.parametrize("count", [0, 1, IDS_AT_ONCE, IDS_AT_ONCE + 1, 2 * IDS_AT_ONCE])
def test_every_id_is_in_one_part_and_no_part_is_too_long_or_empty(count: int) -> None:
    ids = [str(number) for number in range(count)]
    parts = list(in_parts(ids))
    assert [one for part in parts for one in part] == ids
    assert all(0 < len(part) <= IDS_AT_ONCE for part in parts)

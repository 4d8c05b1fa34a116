"""Times on the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from api.protocol.timestamps import rfc3339, rfc3339_or_none


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (999, "1970-01-01T00:00:00.999Z"),
        (1_795_324_320_123, "2026-11-22T05:12:00.123Z"),
        (1_709_164_799_999, "2024-02-28T23:59:59.999Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_milliseconds_become_rfc_3339_in_utc(at_ms: int, text: str) -> None:
    assert rfc3339(at_ms) == text


def test_the_machines_time_zone_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert rfc3339(1_795_324_320_124) == "2026-11-22T05:12:00.124Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_it_is_what_the_standard_library_reads() -> None:
    for at_ms in range(1_795_324_320_000, 1_795_324_330_000, 37):
        parsed = datetime.fromisoformat(rfc3339(at_ms))
        assert parsed.tzinfo == UTC
        assert round(parsed.timestamp() * 1000) == at_ms


def test_a_time_that_is_not_set_is_null() -> None:
    assert rfc3339_or_none(None) is None
    assert rfc3339_or_none(0) == rfc3339(0)

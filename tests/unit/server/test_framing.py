"""Frames as the server writes them (RFC 6455 §5.2)."""

from __future__ import annotations

import pytest

from api.broadcast.wire import PreparedFrame
from api.server.framing import ping_frame, text_frame, text_frame_header


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        (1 << 40, b"\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00"),
    ],
)
def test_a_text_frame_has_the_shortest_length_and_no_mask(length: int, header: bytes) -> None:
    assert text_frame_header(length) == header


def test_what_many_connections_get_is_framed_once() -> None:
    prepared = PreparedFrame(b"event")
    frame = text_frame(prepared)
    assert frame == text_frame(b"event") == b"\x81\x05event"
    assert text_frame(prepared) is frame


def test_a_ping_carries_its_payload() -> None:
    assert ping_frame(b"abcd") == b"\x89\x04abcd"

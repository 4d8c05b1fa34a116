"""JSON in and out."""

from __future__ import annotations

from json import JSONDecodeError

import pytest

from api.protocol.codec import decode, encode


def test_an_object_survives_the_way() -> None:
    value = {"text": '\u0000\u2028\N{GRINNING FACE}"\\', "number": 2**53 - 1, "none": None, "list": [True, 1.5]}
    assert decode(encode(value)) == value


def test_text_that_no_utf_8_can_carry_is_an_error() -> None:
    with pytest.raises(TypeError):
        encode({"text": "\ud800"})


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"Infinity", b'"\\ud800"', b"{'a': 1}", b"01", b"\xff", b"{} {}"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(JSONDecodeError):
        decode(data)

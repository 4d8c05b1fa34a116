"""JSON in and out."""

from __future__ import annotations

from json import JSONDecodeError

import pytest

from api.protocol.codec import decode, encode, repeated_key


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


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b'{"a": "x", "b": 1, "c": null, "d": true}', None),
        (b"{}", None),
        (b'{"a": "say \\"hi\\" \\\\", "b": "\\u0022"}', None),
        (b'{"a": {"a": 1}, "b": [{"a": "x"}, {"a": "x"}]}', None),
        (b'{"a": 1, "b": 2, "a": 1}', "a"),
        (b'{"a": "x", "a": 7}', "a"),
        (b'{"a": 7, "a": "x"}', "a"),
        (b'{"a": 1, "\\u0061": 1}', "a"),
        (b'{"": 1, "": 1}', ""),
        (b'{"a": {"b": 1, "b": 1}}', "b"),
        (b'{"a": [[["x"]]], "a": 1e5}', "a"),
        (b'{"a": %s, "a": 1}' % (b"9" * 300), "a"),
    ],
)
def test_a_key_that_is_there_twice_is_found(data: bytes, key: str | None) -> None:
    value = decode(data)
    assert repeated_key(data, len(value), value.values()) == key


def test_what_is_deeper_than_python_reads_has_no_key_twice() -> None:
    data = b'{"a": %s%s, "b": "\\""}' % (b"[" * 1000, b"]" * 1000)
    value = decode(data)
    assert repeated_key(data, len(value), value.values()) is None

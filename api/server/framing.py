"""Frames as the server writes them: whole and unmasked (RFC 6455 §5.2)."""

import struct
from typing import Final

from api.broadcast.wire import PreparedFrame

_FIN_TEXT: Final = 0x81
_FIN_PING: Final = 0x89
_SHORT_HEADERS: Final = tuple(bytes((_FIN_TEXT, length)) for length in range(126))


def text_frame_header(length: int) -> bytes:
    """Give the header of a text frame whose payload has this many bytes."""
    if length < len(_SHORT_HEADERS):
        return _SHORT_HEADERS[length]
    if length < 1 << 16:
        return struct.pack("!BBH", _FIN_TEXT, 126, length)
    return struct.pack("!BBQ", _FIN_TEXT, 127, length)


def text_frame(payload: bytes) -> bytes:
    """Give a text frame; one that many connections get is made once."""
    if type(payload) is not PreparedFrame:
        return text_frame_header(len(payload)) + payload
    framed = payload.framed
    if framed is None:
        framed = payload.framed = text_frame_header(len(payload)) + payload
    return framed


def ping_frame(payload: bytes) -> bytes:
    """Give a ping; `payload` has at most 125 bytes."""
    return bytes((_FIN_PING, len(payload))) + payload

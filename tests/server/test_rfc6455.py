"""RFC 6455 as raw frames, in the manner of Autobahn's groups 1 to 7: what is legal is answered, a breach ends it."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Final

import pytest

from tests.support.fixtures import TokenOf
from tests.support.raw import Opcode, RawSocket, encode_frame
from tests.support.server import CANARY, ServerProcess

LIMIT: Final = 64 * 1024
COMMAND: Final = b'{"type": "ping", "id": "c1"}'
OPEN: Final = 0  # first_bits of a fragment that is not the last


def close(code: int, reason: bytes = b"") -> bytes:
    """Write a close frame."""
    return encode_frame(Opcode.CLOSE, struct.pack("!H", code) + reason)


def claim(size: int) -> bytes:
    """Write the header of a text of this size, and no text."""
    return bytes([0x81, 0xFF]) + struct.pack("!Q", size) + b"mask"


def fragments(*payloads: bytes, opcode: int = Opcode.TEXT) -> bytes:
    """Write one message in these fragments."""
    first, *others = payloads
    last = len(others) - 1
    return encode_frame(opcode, first, first_bits=OPEN) + b"".join(
        encode_frame(Opcode.CONTINUATION, payload, first_bits=0x80 if index == last else OPEN)
        for index, payload in enumerate(others)
    )


TEXT, PING, PONG = Opcode.TEXT, Opcode.PING, Opcode.PONG
BREACHES: Final[dict[str, bytes]] = {
    "an unmasked text": encode_frame(TEXT, COMMAND, masked=False),
    "an unmasked ping": encode_frame(PING, b"", masked=False),
    "an unmasked close": encode_frame(Opcode.CLOSE, struct.pack("!H", 1000), masked=False),
    **{f"RSV {bits >> 4}": encode_frame(TEXT, COMMAND, first_bits=0x80 | bits) for bits in (0x10, 0x20, 0x40, 0x70)},
    "RSV in a ping": encode_frame(PING, b"", first_bits=0xC0),
    "RSV in a close": encode_frame(Opcode.CLOSE, struct.pack("!H", 1000), first_bits=0x90),
    "RSV in a fragment": encode_frame(TEXT, b"{", first_bits=OPEN)
    + encode_frame(Opcode.CONTINUATION, b"}", first_bits=0xC0),
    **{f"opcode {opcode}": encode_frame(opcode, b"x") for opcode in (*range(3, 8), *range(11, 16))},
    "a ping of 126 bytes": encode_frame(PING, b"x" * 126),
    "a pong of 126 bytes": encode_frame(PONG, b"x" * 126),
    "a close of 126 bytes": close(1000, b"x" * 124),
    "a ping in parts": encode_frame(PING, b"x", first_bits=OPEN),
    "a pong in parts": encode_frame(PONG, b"x", first_bits=OPEN),
    "a close in parts": encode_frame(Opcode.CLOSE, struct.pack("!H", 1000), first_bits=OPEN),
    "half a close code": encode_frame(Opcode.CLOSE, b"\x03"),
    **{
        f"close {code}": close(code)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 9999, 65_535)
    },
    "an orphan fragment": encode_frame(Opcode.CONTINUATION, b"x"),
    "an orphan fragment that is not the last": encode_frame(Opcode.CONTINUATION, b"x", first_bits=OPEN),
    "a fragment behind a whole message": encode_frame(TEXT, COMMAND) + encode_frame(Opcode.CONTINUATION, b"x"),
    "a fragment behind the last one": fragments(b"{", b"}") + encode_frame(Opcode.CONTINUATION, b"x"),
    "a text inside a message": encode_frame(TEXT, b"{", first_bits=OPEN) + encode_frame(TEXT, COMMAND),
    "a binary inside a message": encode_frame(TEXT, b"{", first_bits=OPEN) + encode_frame(Opcode.BINARY, b"x"),
    "a ping, then a text inside a message": encode_frame(TEXT, b"{", first_bits=OPEN)
    + encode_frame(PING, b"x")
    + encode_frame(TEXT, COMMAND),
}
NO_UTF_8: Final[dict[str, bytes]] = {
    "no lead byte": encode_frame(TEXT, b"\xff\xfe"),
    "no continuation": encode_frame(TEXT, b'{"type": "ping", "id": "\xc3("}'),
    "a surrogate": encode_frame(TEXT, b"\xed\xa0\x80"),
    "overlong": encode_frame(TEXT, b"\xc0\xaf"),
    "overlong NUL": encode_frame(TEXT, b"\xe0\x80\x80"),
    "beyond U+10FFFF": encode_frame(TEXT, b"\xf4\x90\x80\x80"),
    "cut short": encode_frame(TEXT, b"\xf0\x9f\xa6"),
    "cut short at the end of fragments": fragments(b"{}\xf0\x9f", b"\xa6"),
    "split, and wrong behind the split": fragments(b'{"id": "\xf0\x9f', b'\xa6("}'),
    "split by a ping, and wrong": encode_frame(TEXT, b"\xc3", first_bits=OPEN)
    + encode_frame(PING, b"")
    + encode_frame(Opcode.CONTINUATION, b"("),
    "in the reason of a close": close(1000, b"\xff"),
    "cut short in the reason of a close": close(1000, b"\xf0\x9f"),
}
TOO_LARGE: Final[dict[str, bytes]] = {
    "a byte too much": encode_frame(TEXT, b"x" * (LIMIT + 1)),
    "a byte too much in fragments": fragments(b"x" * (LIMIT // 2), b"x" * (LIMIT // 2), b"x"),
    "a binary": encode_frame(Opcode.BINARY, b"x" * (LIMIT + 1)),
    "a claim of 64 KiB and a byte": claim(LIMIT + 1),
    "a claim of 1 TiB": claim(2**40),
    "a claim of 2^63 - 1": claim(2**63 - 1),
}


@pytest.fixture
async def socket(server: ServerProcess, token_of: TokenOf) -> RawSocket:
    """Open a connection that has been welcomed."""
    opened = await RawSocket.open(server, token_of(server))
    await opened.text("welcome")
    return opened


async def ends(socket: RawSocket, data: bytes, code: int) -> None:
    """Assert that these bytes are answered by this close code, and the line is ended."""
    await socket.send_bytes(data)
    assert (await socket.closed())[0] == code
    await socket.ended()


@pytest.mark.wire("close 1002")
@pytest.mark.parametrize("how", BREACHES)
async def test_a_breach_of_the_protocol_ends_the_socket_with_1002(socket: RawSocket, how: str) -> None:
    await ends(socket, BREACHES[how], 1002)


@pytest.mark.wire("close 1007")
@pytest.mark.parametrize("how", NO_UTF_8)
async def test_text_that_is_no_utf_8_ends_the_socket_with_1007(socket: RawSocket, how: str) -> None:
    await ends(socket, NO_UTF_8[how], 1007)


@pytest.mark.wire("close 1009")
@pytest.mark.parametrize("how", TOO_LARGE)
async def test_a_message_above_64_kib_ends_the_socket_with_1009(socket: RawSocket, how: str) -> None:
    await ends(socket, TOO_LARGE[how], 1009)


async def test_a_length_whose_first_bit_is_set_is_none(socket: RawSocket) -> None:
    await socket.send_bytes(claim(2**64 - 1))
    assert (await socket.closed())[0] in {1002, 1009}


@pytest.mark.wire("close 1009")
async def test_a_claim_of_a_tebibyte_costs_nothing(server: ServerProcess, token_of: TokenOf) -> None:
    token = token_of(server)
    before = server.memory_bytes()
    for _ in range(5):
        sockets = await asyncio.gather(*(RawSocket.open(server, token) for _ in range(5)))
        for socket in sockets:
            await socket.text("welcome")
            await socket.send_bytes(claim(2**40) + b"x" * 1_000)
        for socket in sockets:
            assert (await socket.closed())[0] == 1009
            await socket.ended()
            socket.close()
    assert server.memory_bytes() - before < 8 * 2**20


@pytest.mark.parametrize(
    ("data", "code"),
    [(BREACHES["an orphan fragment"], 1002), (NO_UTF_8["cut short"], 1007), (TOO_LARGE["a claim of 1 TiB"], 1009)],
    ids=["1002", "1007", "1009"],
)
async def test_a_broken_client_is_one_line_in_the_log_and_no_traceback(
    server: ServerProcess, token_of: TokenOf, data: bytes, code: int
) -> None:
    socket = await RawSocket.open(server, token_of(server))
    connection_id = (await socket.text("welcome"))["connection_id"]
    begin = len(server.logs())
    await ends(socket, data, code)
    line = await server.wait_for_log("ws.disconnected", connection_id=connection_id)
    assert (line["code"], line["level"]) == (code, "info")
    assert [record for record in server.logs()[begin:] if record["event"] == "server.log"] == []
    lines = [record["event"] for record in server.logs() if record.get("connection_id") == connection_id]
    assert lines == ["ws.connected", "ws.disconnected"]
    socket.close()


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(125)), b"\xff" * 125], ids=len)
async def test_a_ping_is_answered_with_its_payload(socket: RawSocket, payload: bytes) -> None:
    await socket.send_frame(PING, payload)
    assert await socket.frame() == (PONG, payload)


async def test_pongs_that_nobody_asked_for_are_let_pass(socket: RawSocket) -> None:
    await socket.send_bytes(encode_frame(PONG, b"") + encode_frame(PONG, b"x" * 125) + encode_frame(TEXT, COMMAND))
    assert (await socket.text())["id"] == "c1"


async def test_pings_in_one_piece_are_answered_in_order(socket: RawSocket) -> None:
    payloads = [b"%d" % number for number in range(20)]
    await socket.send_bytes(b"".join(encode_frame(PING, payload) for payload in payloads))
    assert [await socket.frame() for _ in payloads] == [(PONG, payload) for payload in payloads]


@pytest.mark.parametrize(
    "parts",
    [
        [b'{"type": "pi', b"", b'ng", "id": "c1"}'],
        [b"", b"", COMMAND, b""],
        [COMMAND[index : index + 1] for index in range(len(COMMAND))],
        [COMMAND, b""],
    ],
    ids=["with an empty one", "almost all empty", "byte by byte", "the last one empty"],
)
async def test_a_command_in_fragments_with_pings_between_them_is_one_command(
    socket: RawSocket, parts: list[bytes]
) -> None:
    first, *others = parts
    await socket.send_frame(TEXT, first, first_bits=OPEN)
    for number, part in enumerate(others):
        await socket.send_frame(PING, b"%d" % number)
        await socket.send_frame(Opcode.CONTINUATION, part, first_bits=0x80 if number == len(others) - 1 else OPEN)
    for number in range(len(others)):
        assert await socket.frame() == (PONG, b"%d" % number)
    assert (await socket.text())["id"] == "c1"


async def test_a_character_may_be_split_between_fragments(socket: RawSocket) -> None:
    text = '{"type": "ping", "id": "\N{LION FACE}é"}'.encode()
    for at in range(1, len(text)):
        await socket.send_bytes(fragments(text[:at], text[at:]))
        assert (await socket.text())["id"] == "\N{LION FACE}é", at


async def test_bytes_that_come_one_by_one_are_a_command(socket: RawSocket) -> None:
    for byte in encode_frame(PING, b"here") + encode_frame(TEXT, COMMAND):
        await socket.send_bytes(bytes([byte]))
    assert await socket.frame() == (PONG, b"here")
    assert (await socket.text())["id"] == "c1"


@pytest.mark.wire("invalid_frame")
@pytest.mark.parametrize(
    "data",
    [
        encode_frame(Opcode.BINARY, COMMAND),
        encode_frame(Opcode.BINARY, b""),
        encode_frame(Opcode.BINARY, b"\xff" * LIMIT),
        fragments(COMMAND[:9], COMMAND[9:], opcode=Opcode.BINARY),
        encode_frame(TEXT, b""),
        fragments(b"", b"", b""),
        encode_frame(TEXT, CANARY.encode()),
    ],
    ids=["binary", "binary, empty", "binary, large", "binary, fragments", "empty", "empty fragments", "text"],
)
async def test_what_is_legal_and_no_command_is_answered_and_the_connection_lives(
    socket: RawSocket, data: bytes
) -> None:
    await socket.send_bytes(data + encode_frame(TEXT, COMMAND))
    error = await socket.text()
    assert (error["code"], error["id"]) == ("invalid_frame", None)
    assert CANARY not in json.dumps(error)
    assert (await socket.text())["id"] == "c1"


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
)
async def test_a_clients_close_is_answered_with_its_code(socket: RawSocket, code: int) -> None:
    await socket.send_bytes(close(code, b"so be it") + encode_frame(TEXT, COMMAND))
    opcode, payload = await socket.frame()
    assert (opcode, payload[:2]) == (Opcode.CLOSE, struct.pack("!H", code)), "and not what came behind it"
    await socket.ended()


@pytest.mark.parametrize("payload", [b"", struct.pack("!H", 1000) + b"x" * 123], ids=["empty", "125 bytes"])
async def test_the_shortest_and_the_longest_close_are_closes(socket: RawSocket, payload: bytes) -> None:
    await socket.send_frame(Opcode.CLOSE, payload)
    opcode, answer = await socket.frame()
    assert (opcode, answer[:2]) == (Opcode.CLOSE, payload[:2])
    await socket.ended()


@pytest.mark.wire("close 1002")
@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=15, x-webkit-deflate-frame",
    ],
)
async def test_compression_is_offered_in_vain(server: ServerProcess, token_of: TokenOf, offer: str) -> None:
    """What is not unpacked is no bomb; and who packs all the same breaks the protocol."""
    socket = await RawSocket.open(server, token_of(server), headers=[("Sec-WebSocket-Extensions", offer)])
    assert "Sec-WebSocket-Extensions" not in socket.response.headers
    await socket.text("welcome")
    await socket.send_frame(TEXT, b"\xaa\x56\x4a\x2e\x4a\x05\x00", first_bits=0xC0)
    assert (await socket.closed())[0] == 1002
    socket.close()

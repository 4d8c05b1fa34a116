"""Text: what is trimmed and counted, what is kept, and that a refusal repeats nothing."""

from __future__ import annotations

import asyncio
import json
import secrets

import pytest

from tests.server.conversation import add, done, log_of, refused, say, send
from tests.support.fixtures import MakePerson, MakeRoom

KEPT = [
    "a  b",
    "<script>alert(1)</script>",
    "'; DROP TABLE rooms; --",
    "narrow\u202fand\u00a0hard",
    "e\u0301 is not \u00e9",
    "\U0001f469\u200d\U0001f467",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\ufffd\ufffe",
    '"quoted" \\back\\',
    "{name} %s ${x}",
]
EMOJI = "\U0001f600"


@pytest.mark.wire("POST /v1/rooms/{room_id}/messages")
async def test_a_body_is_trimmed_and_else_kept_as_sent(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    sent = {text: text for text in KEPT}
    sent |= {
        "  hello \n": "hello",
        "\n\n two\n lines\t\n": "two\n lines",
        "a\r\nb\r\n\r\nc": "a\nb\n\nc",
        "\r\n x \r\n": "x",
        "tab\there": "tab\there",
        "x": "x",
        EMOJI * 4000: EMOJI * 4000,
        "  " + "y" * 4000 + "\n": "y" * 4000,
        "a\r\n" * 1999 + "ab": "a\n" * 1999 + "ab",
    }
    for text, stored in sent.items():
        assert (await say(ada, room, text))["body"] == stored
        assert (await send(socket, room, text))["body"] == stored
    page = done(await ada.http.get(f"/v1/rooms/{room['id']}/messages", params={"limit": 200}))["items"]
    assert [item["body"] for item in page] == [stored for stored in sent.values() for _ in range(2)]


@pytest.mark.wire("POST /v1/rooms")
async def test_names_and_topics_are_trimmed_and_counted_in_code_points(person: MakePerson) -> None:
    ada = await person()
    mark = secrets.token_hex(4)
    names = {
        f"  Tea {mark} ": f"Tea {mark}",
        f"{EMOJI * 56}{mark}": f"{EMOJI * 56}{mark}",
        **{f"{text} {mark}": f"{text} {mark}" for text in KEPT},
    }
    for name, stored in names.items():
        body = {"name": name, "topic": f" {EMOJI * 256} ", "visibility": "private"}
        room = done(await ada.http.post("/v1/rooms", json=body), status=201)
        assert (room["name"], room["topic"]) == (stored, EMOJI * 256)
        assert (await log_of(ada, room))[0]["room"]["name"] == stored
        body = {"name": f" {name}", "topic": "  "}
        assert done(await ada.http.patch(f"/v1/rooms/{room['id']}", json=body))["topic"] == ""


@pytest.mark.wire("validation_error")
async def test_no_refusal_echoes_what_was_refused(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada)
    await add(ada, room, bob)
    secret = f"s3cret-{secrets.token_hex(8)}"
    socket = await ada.connect()
    for body in ({"body": f"{secret}\x00"}, {"body": "x", "more": secret}, {"body": [secret]}, {"body": secret * 400}):
        answer = await ada.http.post(f"/v1/rooms/{room['id']}/messages", json=body)
        refused(answer, "validation_error")
        assert secret not in answer.text
        error = await socket.error("message.send", room_id=room["id"], **body)
        assert secret not in json.dumps(error)
    for raw in (f"{secret}", f'["{secret}"]', f'{{"type": "{secret}", "id": "a"}}', f'{{"{secret}": }}'):
        await socket.send_raw(raw)
        assert secret not in json.dumps(await socket.next("error"))
    for params in ({"limit": secret}, {"cursor": secret}):
        assert secret not in (await ada.http.get("/v1/rooms", params=params)).text

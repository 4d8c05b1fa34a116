"""What the server alone decides (who, where in the log, when) cannot be sent: it is refused, not ignored."""

from __future__ import annotations

import json
from typing import Final

import pytest

from tests.server.conversation import NOBODY, Json, done, last_seq, log_of, refused, say
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.server import CANARY

SOMEBODY: Final = {"id": NOBODY, "username": CANARY, "display_name": CANARY}
FORGED: Final[dict[str, object]] = {
    **dict.fromkeys(("sender", "author", "actor", "user"), SOMEBODY),
    **dict.fromkeys(("sender_id", "author_id", "actor_id", "user_id", "session_id", "connection_id"), NOBODY),
    **dict.fromkeys(("seq", "revision", "last_seq", "read_seq", "before_seq"), 1),
    **dict.fromkeys(("ts", "at", "created_at", "edited_at", "deleted_at", "joined_at"), "2020-01-01T00:00:00.000Z"),
    **dict.fromkeys(("room_epoch", "epoch"), "e1"),
    **dict.fromkeys(("role", "visibility", "status"), "owner"),
    **dict.fromkeys(("is_admin", "duplicate", "verified"), True),
    **dict.fromkeys(("__proto__", "constructor", "$where", "Body", "body ", "ID", "message"), CANARY),
}


@pytest.mark.wire("validation_error")
async def test_a_field_that_is_the_servers_is_refused_at_every_door_and_changes_nothing(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    room = await make_room(ada)
    first = await say(ada, room, "first")
    socket = await ada.connect()
    commands: dict[str, Json] = {
        "message.send": {"room_id": room["id"], "body": CANARY},
        "message.edit": {"message_id": first["id"], "body": CANARY},
        "message.delete": {"message_id": first["id"]},
        "history.get": {"room_id": room["id"], "after_seq": 0},
        "read.mark": {"room_id": room["id"], "seq": 2},
        "typing.set": {"room_id": room["id"], "typing": True},
        "token.refresh": {"access_token": ada.access_token},
        "ping": {},
    }
    for command, fields in commands.items():
        for name in FORGED.keys() - fields.keys() - ({"epoch"} if command == "history.get" else set()):
            error = await socket.error(command, **fields, **{name: FORGED[name]})
            assert error["code"] == "validation_error", (command, name)
            assert [entry["loc"] for entry in error["errors"]] == [[name]]
            assert CANARY not in json.dumps(error)
            await socket.ok("ping")  # so that the refusals are never twenty in a row
    path = f"/v1/rooms/{room['id']}"
    for method, target, body in (
        ("POST", f"{path}/messages", {"body": CANARY}),
        ("PATCH", f"/v1/messages/{first['id']}", {"body": CANARY}),
        ("PUT", f"{path}/read", {"seq": 2}),
        ("PATCH", path, {"topic": CANARY}),
        ("PUT", f"{path}/members/{ada.id}", {"role": "member"}),
        ("POST", "/v1/rooms", {"name": CANARY, "visibility": "private"}),
    ):
        for name in FORGED.keys() - body.keys():
            document = refused(
                await ada.http.request(method, target, json=body | {name: FORGED[name]}), "validation_error"
            )
            assert [entry["loc"] for entry in document["errors"]] == [["body", name]]
            assert CANARY not in json.dumps(document)
    assert await last_seq(ada, room) == 2
    assert done(await ada.http.get(path))["me"]["read_seq"] == 1
    assert done(await ada.http.get("/v1/users/me"))["role"] == "user"


async def test_what_the_server_decides_is_its_own(person: MakePerson, make_room: MakeRoom) -> None:
    """The id in a command names the command alone; headers name nobody."""
    ada, bob = await person(), await person()
    room = await make_room(ada, bob)
    headers = {"X-User-Id": ada.id, "X-Forwarded-User": ada.username, "Date": "Wed, 01 Jan 2020 00:00:00 GMT"}
    over_rest = done(
        await bob.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "x"}, headers=headers), status=201
    )
    socket = await bob.connect(headers=headers)
    await socket.send_raw(json.dumps({"type": "message.send", "id": NOBODY, "room_id": room["id"], "body": "y"}))
    over_socket = (await socket.answer(NOBODY))["result"]["message"]
    assert over_socket["id"] != NOBODY
    for message, seq in ((over_rest, 3), (over_socket, 4)):
        assert (message["author"], message["seq"], message["revision"]) == (bob.ref, seq, seq)
        assert message["created_at"] > "2021"
    assert [event["actor"] for event in await log_of(ada, room, after_seq=2)] == [bob.ref] * 2

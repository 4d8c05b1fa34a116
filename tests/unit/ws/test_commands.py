"""Each command by itself: its fields, its result, and the errors that it documents."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api.domain.errors import ChatError, ErrorCode
from api.protocol.timestamps import rfc3339
from api.ws.commands import COMMANDS, KNOWN_TYPES, Command, CommandContext, SendMessage, command_adapter
from api.ws.connection import SocketConnection
from tests.unit.broadcast.connections import RecordingOrigin
from tests.unit.store.scene import new_id
from tests.unit.ws.desk import Desk, text

SOME_ID = "01980000-0000-7000-8000-00000000beef"
ADAPTER: TypeAdapter[Command] = command_adapter()


def read(command_type: str, **fields: object) -> Command:
    return ADAPTER.validate_json(text({"type": command_type, "id": "c1", **fields}))


class Caller:
    """A live connection of ada, whose commands are carried out one by one."""

    def __init__(self, desk: Desk, connection: SocketConnection) -> None:
        self.connection = connection
        self._context = CommandContext(desk.messages, desk.authenticator, desk.scene.clock)
        self._desk = desk

    async def do(self, command_type: str, **fields: object) -> dict[str, Any]:
        """Carry a command out; its result has the shape that it documents."""
        command = read(command_type, **fields)
        assert not isinstance(command, SendMessage), "which is answered by its origin"
        result = await command.execute(self.connection, self._context)
        command.result.model_validate_json(text(result))
        return result

    async def refused(self, command_type: str, **fields: object) -> ErrorCode:
        """Carry out a command that must be refused, by an error that it documents."""
        with pytest.raises(ChatError) as caught:
            await self.do(command_type, **fields)
        assert caught.value.code in read(command_type, **fields).errors
        return caught.value.code

    async def say(self, body: str = "hello", key: str | None = None) -> dict[str, Any]:
        """Send a message; gives it."""
        command = read("message.send", room_id=self._desk.room, body=body, idempotency_key=key)
        assert isinstance(command, SendMessage)
        origin = RecordingOrigin(None, "c1")
        command.start(self.connection, self._context, origin)
        await self._desk.scene.store.write(lambda _unit: None)
        ((message, _is_duplicate),) = origin.settled
        return {"id": message.id, "body": message.body, "seq": message.seq, "key": message.idempotency_key}


@pytest.fixture
async def caller(desk: Desk) -> Caller:
    connection, _wire = await desk.live()
    return Caller(desk, connection)


async def test_sending_queues_the_message_for_whoever_waits(desk: Desk, caller: Caller) -> None:
    assert (await caller.say(" first ", "key-1"))["body"] == "first"
    (event,) = await desk.scene.log(desk.room, after_seq=2)
    assert event.message is not None
    assert (event.message.body, event.message.idempotency_key, event.actor) == ("first", "key-1", desk.ada.ref)


async def test_editing_and_deleting_give_the_message_as_it_became(desk: Desk, caller: Caller) -> None:
    message = await caller.say("as it was")
    edited = (await caller.do("message.edit", message_id=message["id"], body="as it is"))["message"]
    assert (edited["body"], edited["seq"], edited["revision"]) == ("as it is", message["seq"], message["seq"] + 1)
    deleted = (await caller.do("message.delete", message_id=message["id"]))["message"]
    assert (deleted["body"], deleted["revision"]) == ("", message["seq"] + 2)
    assert (await caller.do("message.delete", message_id=message["id"]))["message"] == deleted
    assert await caller.refused("message.edit", message_id=message["id"], body="again") is ErrorCode.NOT_FOUND
    assert await caller.refused("message.delete", message_id=new_id()) is ErrorCode.NOT_FOUND


async def test_history_is_a_page_of_the_log_of_one_epoch(desk: Desk, caller: Caller) -> None:
    for _ in range(3):
        await caller.say()
    page = await caller.do("history.get", room_id=desk.room, after_seq=1, limit=2)
    assert (page["room_id"], page["last_seq"], page["epoch"], page["has_more"]) == (desk.room, 5, "e1", True)
    assert [item["type"] for item in page["items"]] == ["member.joined", "message.created"]
    assert not (await caller.do("history.get", room_id=desk.room, after_seq=3))["has_more"]
    ahead = await caller.refused("history.get", room_id=desk.room, after_seq=6)
    another = await caller.refused("history.get", room_id=desk.room, after_seq=0, epoch="e2")
    assert (ahead, another) == (ErrorCode.RESYNC_REQUIRED, ErrorCode.RESYNC_REQUIRED)
    assert await caller.refused("history.get", room_id=new_id(), after_seq=0) is ErrorCode.NOT_FOUND


async def test_a_read_mark_goes_up_alone(desk: Desk, caller: Caller) -> None:
    await caller.say()
    await caller.say()
    for seq, read_seq in ((3, 3), (2, 3), (4, 4)):
        marked = await caller.do("read.mark", room_id=desk.room, seq=seq)
        assert marked == {"room_id": desk.room, "read_seq": read_seq}
    assert await caller.refused("read.mark", room_id=desk.room, seq=5) is ErrorCode.VALIDATION_ERROR


async def test_who_types_is_shown_to_the_others(desk: Desk, caller: Caller) -> None:
    _bob, wire = await desk.live(desk.bob)
    for typing in (True, False):
        assert await caller.do("typing.set", room_id=desk.room, typing=typing) == {}
    assert [(frame["type"], frame["user"]["id"], frame["typing"]) for frame in await wire.get(2)] == [
        ("typing", desk.ada.id, True),
        ("typing", desk.ada.id, False),
    ]
    assert await caller.refused("typing.set", room_id=new_id(), typing=True) is ErrorCode.NOT_FOUND


async def test_a_newer_token_of_the_same_session_extends_the_connection(desk: Desk, caller: Caller) -> None:
    caller.connection.session_id = session = await desk.session(desk.ada)
    desk.scene.clock.advance(60)
    token, expires_at_ms = desk.tokens.issue(desk.ada.id, session)
    result = await caller.do("token.refresh", access_token=token)
    assert result == {"expires_at": rfc3339(expires_at_ms)}
    assert expires_at_ms == (desk.scene.clock.now_ms // 1000 + 900) * 1000
    caller.connection.tick(0.0, expires_at_ms - 61_000)
    assert caller.connection.outbox.frames == 0, "nothing is said of an expiry yet"


async def test_no_other_token_does(desk: Desk, caller: Caller) -> None:
    caller.connection.session_id = await desk.session(desk.ada)
    for user in (desk.ada, desk.bob):
        token, _ = desk.tokens.issue(user.id, await desk.session(user))
        assert await caller.refused("token.refresh", access_token=token) is ErrorCode.INVALID_TOKEN
    assert await caller.refused("token.refresh", access_token="junk") is ErrorCode.INVALID_TOKEN
    gone, _ = desk.tokens.issue(desk.ada.id, new_id())
    assert await caller.refused("token.refresh", access_token=gone) is ErrorCode.SESSION_REVOKED
    old, _ = desk.tokens.issue(desk.ada.id, caller.connection.session_id)
    desk.scene.clock.advance(901)
    assert await caller.refused("token.refresh", access_token=old) is ErrorCode.TOKEN_EXPIRED


async def test_a_ping_tells_the_time(desk: Desk, caller: Caller) -> None:
    assert await caller.do("ping") == {"server_time": rfc3339(desk.scene.clock.now_ms)}


FIELDS: dict[str, dict[str, Any]] = {
    "message.send": {"room_id": SOME_ID, "body": "hello"},
    "message.edit": {"message_id": SOME_ID, "body": "hello"},
    "message.delete": {"message_id": SOME_ID},
    "history.get": {"room_id": SOME_ID, "after_seq": 0},
    "read.mark": {"room_id": SOME_ID, "seq": 1},
    "typing.set": {"room_id": SOME_ID, "typing": True},
    "token.refresh": {"access_token": "a"},
    "ping": {},
}


def test_these_are_the_commands() -> None:
    assert set(FIELDS) == KNOWN_TYPES
    assert len(COMMANDS) == len(KNOWN_TYPES)


@pytest.mark.parametrize("command_type", FIELDS)
def test_each_field_is_needed_and_no_other_is_taken(command_type: str) -> None:
    fields = FIELDS[command_type]
    assert read(command_type, **fields).id == "c1"
    for name in fields:
        with pytest.raises(ValidationError):
            read(command_type, **{key: value for key, value in fields.items() if key != name})
        with pytest.raises(ValidationError):
            read(command_type, **fields | {name: None})
    with pytest.raises(ValidationError):
        read(command_type, **fields, more=1)


@pytest.mark.parametrize(
    ("command_type", "change"),
    [
        ("history.get", {"after_seq": "0"}),
        ("history.get", {"after_seq": -1}),
        ("history.get", {"limit": 0}),
        ("history.get", {"limit": 201}),
        ("history.get", {"limit": True}),
        ("read.mark", {"seq": 1.0}),
        ("typing.set", {"typing": 1}),
        ("typing.set", {"typing": "true"}),
        ("message.send", {"idempotency_key": ""}),
        ("message.send", {"room_id": "general"}),
        ("token.refresh", {"access_token": ""}),
    ],
)
def test_nothing_is_taken_for_what_it_is_not(command_type: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(command_type, **FIELDS[command_type] | change)

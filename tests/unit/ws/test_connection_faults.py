"""Faults of the program itself, put into every step that a frame, an answer or an event takes through a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.broadcast.wire import NOBODYS
from api.domain.errors import ChatError, ErrorCode
from api.protocol import frames
from api.protocol.problems import CloseCode
from api.ws.commands import COMMANDS, BaseCommand, SendMessage
from api.ws.connection import SocketConnection
from tests.unit.ws.desk import Desk, FakeWire, Frame, receive

SECRET = "a secret of the database"


class FaultError(Exception):
    """What nobody foresaw."""


class Interrupted(Awaitable[Any]):
    """A coroutine whose await number `at` raises."""

    def __init__(self, work: Coroutine[Any, Any, Any], at: int) -> None:
        self._work = work
        self._at = at

    def __await__(self) -> Generator[Any, None, Any]:
        steps = self._work.__await__()
        number = 0
        while True:
            try:
                awaited = steps.send(None) if number != self._at else steps.throw(FaultError(SECRET))
            except StopIteration as ended:
                return ended.value
            number += 1
            yield awaited


def broken(*_arguments: object, **_options: object) -> Any:  # noqa: ANN401 - it returns nothing at all
    raise FaultError(SECRET)


async def commands(desk: Desk) -> dict[str, dict[str, object]]:
    """Give the fields of a valid command of each type, for ada."""
    message = desk.scene.submit(desk.ada, desk.room, "hello")
    await desk.scene.store.write(lambda _unit: None)
    session_id = await desk.session(desk.ada)
    in_room: dict[str, object] = {"room_id": desk.room}
    return {
        "message.send": in_room | {"body": "hello"},
        "message.edit": {"message_id": message.message_id, "body": "hello again"},
        "message.delete": {"message_id": message.message_id},
        "history.get": in_room | {"after_seq": 0},
        "read.mark": in_room | {"seq": 2},
        "typing.set": in_room | {"typing": True},
        "token.refresh": {"access_token": desk.tokens.issue(desk.ada.id, session_id)[0], "session_id": session_id},
        "ping": {},
    }


async def ask(connection: SocketConnection, wire: FakeWire, kind: str, **fields: object) -> Frame:
    """Send a command and wait for its answer; what else comes is forgotten."""
    wire.writes.clear()
    receive(connection, kind, "c", **fields)
    count = 1
    while True:
        answers = [frame for frame in await wire.get(count) if frame["type"] in {"ack", "error"}]
        if answers:
            return answers[0]
        count += 1


async def unaffected(connection: SocketConnection, wire: FakeWire) -> None:
    """Assert that somebody else's connection is as it was."""
    assert wire.end() is None
    assert (await ask(connection, wire, "ping"))["type"] == "ack"


def errors(logs: list[Any]) -> list[tuple[object, ...]]:
    """Give what the lines of level error say of where."""
    lines = [log for log in logs if log["log_level"] == "error"]
    return [(line["event"], line.get("type") or line.get("step"), line.get("connection_id")) for line in lines]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command is not SendMessage])
async def test_a_command_that_breaks_at_any_await_is_an_internal_error_and_all_connections_live(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, command: type[BaseCommand]
) -> None:
    (kind,) = command.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
    fields = (await commands(desk))[kind]
    connection, wire = await desk.live()
    connection.session_id = str(fields.pop("session_id", connection.session_id))
    others = await desk.live(desk.bob)
    plain = command.execute
    for at in range(20):

        async def interrupted(self: BaseCommand, *arguments: Any, at: int = at) -> frames.Json:  # noqa: ANN401
            result: frames.Json = await Interrupted(plain(self, *arguments), at)
            return result

        with monkeypatch.context() as patch, capture_logs() as logs:
            patch.setattr(command, "execute", interrupted)
            answer = await ask(connection, wire, kind, **fields)
        if answer["type"] == "ack":
            assert at > 0, "no step was broken"
            break
        assert (answer["code"], answer["retryable"]) == ("internal_error", True)
        assert SECRET not in str(answer)
        assert errors(logs) == [("command.failed", kind, connection.id)], at
        await unaffected(*others)
    else:
        pytest.fail("it never ends")
    await unaffected(connection, wire)


@pytest.mark.parametrize(
    ("kind", "step"), [("message.send", "limit"), ("message.send", "queue"), ("read.mark", "limit"), ("ping", "answer")]
)
async def test_a_command_that_breaks_before_or_behind_its_work_is_an_internal_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, kind: str, step: str
) -> None:
    fields = (await commands(desk))[kind]
    connection, wire = await desk.live()
    others = await desk.live(desk.bob)
    with monkeypatch.context() as patch, capture_logs() as logs:
        if step == "limit":
            patch.setattr(connection._parts.limits, "check", broken)
        elif step == "queue":
            patch.setattr(desk.scene.store, "submit", broken)
        else:
            patch.setattr(frames, "ack", broken)
        answer = await ask(connection, wire, kind, **fields)
    assert answer["code"] == "internal_error"
    assert errors(logs) == [("command.failed", kind, connection.id)]
    await unaffected(connection, wire)
    await unaffected(*others)


def break_reading(patch: pytest.MonkeyPatch, connection: SocketConnection, _wire: FakeWire) -> None:
    patch.setattr(connection, "_parts", replace(connection._parts, parse=broken))


def break_resuming(patch: pytest.MonkeyPatch, connection: SocketConnection, wire: FakeWire) -> None:
    connection.hold_reading()
    patch.setattr(wire, "resume_reading", broken)


def break_writing(patch: pytest.MonkeyPatch, _connection: SocketConnection, wire: FakeWire) -> None:
    patch.setattr(wire, "write", broken)


@pytest.mark.parametrize(
    ("step", "break_it"), [("frame", break_reading), ("reading", break_resuming), ("send", break_writing)]
)
async def test_a_connection_that_breaks_outside_of_a_command_is_closed_with_4000_and_nobody_else(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    break_it: Callable[[pytest.MonkeyPatch, SocketConnection, FakeWire], None],
) -> None:
    connection, wire = await desk.live()
    others = await desk.live(desk.bob)
    with monkeypatch.context() as patch, capture_logs() as logs:
        break_it(patch, connection, wire)
        receive(connection, "ping")
        await unaffected(*others)
    assert wire.end() == (CloseCode.INTERNAL_ERROR, "internal_error", 5)
    assert errors(logs) == [("ws.failed", step, connection.id)]
    receive(connection, "ping")
    assert wire.closes == 1
    await unaffected(*others)


async def test_a_message_whose_ack_breaks_is_heard_by_the_others_and_its_sender_is_closed_with_4000(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ack stands in the place of the event: without it the sender has a hole, which only a new connection fills."""
    connection, wire = await desk.live()
    other, hearing = await desk.live(desk.bob)
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(frames, "message_ack", broken)
        receive(connection, "message.send", room_id=desk.room, body="hello")
        assert [frame["type"] for frame in await hearing.get(1)] == ["message.created"]
    assert wire.end() == (CloseCode.INTERNAL_ERROR, "internal_error", 5)
    assert errors(logs) == [("ws.failed", "ack", connection.id)]
    assert not desk.manager._origins
    await unaffected(other, hearing)


async def test_an_event_that_breaks_closes_the_connections_of_its_room_alone_and_answers_who_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody in the room has got it, and none of them may go on as if there had been nothing."""
    carol = await desk.scene.user("carol")
    inside = [await desk.live(), await desk.live(desk.bob)]
    outside = await desk.live(carol)
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(frames, "event_object", broken)
        with pytest.raises(ChatError) as refused:
            await desk.messages.post(desk.ada, desk.room, "hello", None)
    assert refused.value.code is ErrorCode.INTERNAL_ERROR
    assert [wire.end() for _, wire in inside] == [(CloseCode.INTERNAL_ERROR, "internal_error", 5)] * 2
    closed = {("ws.failed", "deliver", connection.id) for connection, _ in inside}
    assert len(errors(logs)) == 3
    assert set(errors(logs)) == closed | {("broadcast.failed", None, None)}
    await unaffected(*outside)
    again, wire = await desk.live()
    receive(again, "history.get", room_id=desk.room, after_seq=2)
    (answer,) = await wire.get(1)
    assert [event["message"]["body"] for event in answer["result"]["items"]] == ["hello"]


async def test_a_deadline_that_breaks_is_the_end_of_its_connection(desk: Desk) -> None:
    """As the upkeep calls it; one line, however often the clock strikes."""
    connection, wire = await desk.live()
    with capture_logs() as logs:
        for _ in range(3):
            connection.break_off("deadlines", FaultError(SECRET))
    assert wire.end() == (CloseCode.INTERNAL_ERROR, "internal_error", 5)
    assert errors(logs) == [("ws.failed", "deadlines", connection.id)]


async def test_a_goodbye_that_breaks_is_the_end_of_its_connection_and_no_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, wire = await desk.live()
    other, others_wire = await desk.live(desk.bob)
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(connection, "_read_or_hold", broken)
        async with asyncio.TaskGroup() as goodbyes:
            goodbyes.create_task(connection.drain(1000))
            goodbyes.create_task(other.drain(1000))
    assert wire.end() == (CloseCode.INTERNAL_ERROR, "internal_error", 5)
    assert others_wire.end() == (CloseCode.DRAINING, "draining", 5)
    assert errors(logs) == [("ws.failed", "drain", connection.id)]


async def test_a_connection_that_cannot_be_forgotten_is_told_as_lost_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its place would stay taken for ever."""
    connection, _wire = await desk.live()
    monkeypatch.setattr(connection, "_on_lost", broken)
    with pytest.raises(FaultError):
        connection.connection_lost(NOBODYS)
    assert connection.lost.result() == NOBODYS

"""Who sent a message is answered by its delivery; a delivery that breaks ends who might have missed something."""

from __future__ import annotations

from dataclasses import replace

import pytest
import pytest_asyncio

from api.domain.events import Event, EventType
from api.protocol import frames
from tests.unit.broadcast.connections import RecordingConnection, RecordingOrigin
from tests.unit.broadcast.room import ADA, BOB, Room, event, message


@pytest_asyncio.fixture
async def room() -> Room:
    return Room()


async def types(room: Room, connection: RecordingConnection) -> list[str]:
    await room.stage.settle()
    return [frame["type"] for frame in connection.frames]


async def test_a_sender_gets_his_ack_in_the_place_of_the_event_and_everybody_else_the_event(room: Room) -> None:
    other, bob = RecordingConnection("c2", ADA, "s1"), RecordingConnection("c3", BOB, "s2")
    room.begin()
    for one in (other, bob):
        room.dispatcher.add(one)
    origin = room.origins["m1"] = RecordingOrigin(room.ada, "1")
    room.dispatcher.offer(Event.of_message(message(1)))
    room.dispatcher.offer(Event.of_message(message(2)))
    assert origin.settled == [(message(1), False)]
    assert await types(room, room.ada) == ["ack", "message.created"]
    for one in (other, bob):
        assert await types(room, one) == ["message.created", "message.created"]
    assert room.origins == {}


async def test_a_sender_outside_of_every_connection_is_answered_too(room: Room) -> None:
    room.begin()
    origin = room.origins["m1"] = RecordingOrigin(None, "1")
    room.dispatcher.offer(Event.of_message(message(1)))
    assert origin.settled == [(message(1), False)]
    assert await types(room, room.ada) == ["message.created"]


async def test_only_the_event_that_a_message_is_answers_its_sender(room: Room) -> None:
    room.begin()
    origin = room.origins["m1"] = RecordingOrigin(room.ada, "1")
    edited = replace(message(1), revision=2, edited_at_ms=1)
    room.dispatcher.offer(replace(event(1), type=EventType.MESSAGE_EDITED, message=edited))
    assert origin.answers == 0
    assert await types(room, room.ada) == ["message.edited"]


async def test_an_event_that_cannot_be_shown_ends_every_connection_of_the_room(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_event: Event) -> None:
        raise fault

    fault = RuntimeError("a fault of the program")
    bob = RecordingConnection("c2", BOB, "s2")
    room.begin()
    room.dispatcher.add(bob)
    monkeypatch.setattr(frames, "event_object", broken)
    with pytest.raises(RuntimeError, match="a fault of the program"):
        room.dispatcher.offer(event(1))
    assert room.ada.faults == bob.faults == [("deliver", fault)]

"""All rooms of the user: frames in, what the application is told out."""

from __future__ import annotations

import pytest

from chat_client.events import AnyEvent, Connected, Event, ReadMoved, RoomJoined, RoomLeft, RoomReset, Typing
from chat_client.mirror import Mirror
from chat_client.models import Cursor
from tests.unit.chat_client import wire


def begun(*rooms: wire.Json, backlog: int | None = 0, resume: dict[str, Cursor] | None = None) -> Mirror:
    mirror = Mirror(backlog=backlog, resume=resume)
    mirror.welcome(wire.welcome(*rooms))
    return mirror


def seqs(told: list[AnyEvent]) -> list[int]:
    return [event.seq for event in told if isinstance(event, Event)]


def test_the_first_welcome_names_the_user_and_all_rooms() -> None:
    mirror = Mirror()
    told = mirror.welcome(wire.welcome(wire.room("r1"), wire.room("r2")))
    connected, *joined = told
    assert isinstance(connected, Connected)
    assert (connected.connection_id, connected.user.username) == ("c", "ada")
    assert [event.room.id for event in joined if isinstance(event, RoomJoined)] == ["r1", "r2"]
    assert set(mirror.rooms) == {"r1", "r2"}
    assert mirror.user is not None
    assert mirror.user.username == "ada"


def test_a_later_welcome_tells_only_what_has_changed() -> None:
    mirror = begun(wire.room("r1"), wire.room("r2"))
    told = mirror.welcome(wire.welcome(wire.room("r2"), wire.room("r3")))
    assert [type(event) for event in told] == [Connected, RoomLeft, RoomJoined]
    assert told[1] == RoomLeft("r1", "missing")
    assert set(mirror.rooms) == {"r2", "r3"}


def test_a_resumed_room_that_is_missing_has_been_left() -> None:
    mirror = Mirror(resume={"gone": Cursor("e", 5)})
    assert RoomLeft("gone", "missing") in mirror.welcome(wire.welcome())


def test_live_events_pass_in_order() -> None:
    mirror = begun(wire.room(last_seq=5))
    (told,) = mirror.push(wire.event(6))
    assert isinstance(told, Event)
    assert (told.seq, told.epoch, told.replayed, told.cursor) == (6, "e", False, Cursor("e", 6))
    assert told.message is not None
    assert told.message.body == "hello"
    assert mirror.push(wire.event(6)) == []
    assert mirror.cursors() == {"r1": Cursor("e", 6)}


def test_a_hole_is_asked_for_and_filled() -> None:
    mirror = begun(wire.room(last_seq=5))
    assert mirror.push(wire.event(7)) == []
    wanted = mirror.wanted()
    assert wanted is not None
    room_id, request = wanted
    assert (room_id, request.after_seq, request.epoch) == ("r1", 5, "e")
    told, progress = mirror.page("r1", request, wire.page(wire.event(6), last_seq=7))
    assert (seqs(told), progress) == ([6, 7], True)
    assert [event.replayed for event in told if isinstance(event, Event)] == [True, False]
    assert mirror.wanted() is None


def test_after_a_reconnect_each_room_is_completed() -> None:
    mirror = begun(wire.room("r1", last_seq=5), wire.room("r2", last_seq=3), wire.room("r3", last_seq=1))
    mirror.welcome(wire.welcome(wire.room("r1", last_seq=9), wire.room("r2", last_seq=3), wire.room("r3", last_seq=2)))
    first = mirror.wanted()
    assert first is not None
    second = mirror.wanted(but={first[0]})
    assert second is not None
    assert {first[0], second[0]} == {"r1", "r3"}
    assert mirror.wanted(but={first[0], second[0]}) is None


def test_an_ack_stands_in_the_place_of_the_event() -> None:
    mirror = begun(wire.room(last_seq=5))
    (told,) = mirror.acknowledged({"message": wire.message(6, body="mine"), "duplicate": False})
    assert isinstance(told, Event)
    assert (told.type, told.seq) == ("message.created", 6)
    assert told.actor is not None
    assert told.actor.username == "ada"
    assert seqs(mirror.push(wire.event(7))) == [7]


def test_an_ack_ahead_of_the_log_waits_as_an_event_would() -> None:
    mirror = begun(wire.room(last_seq=5))
    assert mirror.acknowledged({"message": wire.message(7), "duplicate": False}) == []
    assert seqs(mirror.push(wire.event(6))) == [6, 7]


def test_an_ack_of_a_duplicate_stands_for_nothing() -> None:
    mirror = begun(wire.room(last_seq=5))
    assert mirror.acknowledged({"message": wire.message(6), "duplicate": True}) == []
    assert mirror.wanted() is None
    assert seqs(mirror.push(wire.event(6))) == [6]


def test_another_epoch_resets_the_room() -> None:
    mirror = begun(wire.room(last_seq=5), backlog=None)
    told = mirror.welcome(wire.welcome(wire.room(last_seq=2, epoch="f")))
    assert told[1:] == [RoomReset("r1")]
    wanted = mirror.wanted()
    assert wanted is not None
    told, _ = mirror.page("r1", wanted[1], wire.page(wire.event(1), wire.event(2), epoch="f"))
    assert seqs(told) == [1, 2]


def test_resync_required_resets_the_room() -> None:
    mirror = begun(wire.room(last_seq=5), resume={"r1": Cursor("e", 2)}, backlog=None)
    wanted = mirror.wanted()
    assert wanted is not None
    assert mirror.resync("r1", wanted[1]) == ([RoomReset("r1")], True)
    again = mirror.wanted()
    assert again is not None
    assert (again[1].after_seq, again[1].epoch) == (0, None)
    # What comes live before the epoch is known gets it afterwards.
    assert mirror.push(wire.event(3)) == []
    told, _ = mirror.page("r1", again[1], wire.page(wire.event(1), wire.event(2), epoch="f"))
    assert [event.cursor for event in told if isinstance(event, Event)] == [Cursor("f", n) for n in (1, 2, 3)]


def test_joining_and_leaving() -> None:
    mirror = begun()
    (joined,) = mirror.push({"type": "room.joined", "room": wire.room("r9", last_seq=4)})
    assert isinstance(joined, RoomJoined)
    assert seqs(mirror.push(wire.event(5, room_id="r9"))) == [5]
    left = {"type": "room.left", "room_id": "r9", "reason": "removed"}
    assert mirror.push(left) == [RoomLeft("r9", "removed")]
    assert mirror.push(left) == []
    assert mirror.push(wire.event(6, room_id="r9")) == []
    assert mirror.rooms == {}
    assert mirror.cursors() == {}


def test_an_answer_about_a_room_that_was_left_means_nothing() -> None:
    mirror = begun(wire.room(last_seq=5), backlog=None)
    wanted = mirror.wanted()
    assert wanted is not None
    mirror.push({"type": "room.left", "room_id": "r1", "reason": "left"})
    assert mirror.wanted() is None
    assert mirror.page("r1", wanted[1], wire.page(wire.event(1))) == ([], True)
    assert mirror.resync("r1", wanted[1]) == ([], True)


def test_a_room_whose_history_is_refused_is_not_asked_for_again_before_it_is_named_anew() -> None:
    mirror = begun(wire.room(last_seq=5), backlog=None)
    mirror.barred("r1")
    assert mirror.wanted() is None
    mirror.push(wire.event(9))
    assert mirror.wanted() is None
    mirror.welcome(wire.welcome(wire.room(last_seq=9)))
    assert mirror.wanted() is not None


def test_while_held_events_are_only_remembered_and_come_from_history_later() -> None:
    mirror = begun(wire.room(last_seq=5))
    mirror.is_held = True
    assert mirror.push(wire.event(6)) == []
    assert mirror.acknowledged({"message": wire.message(7), "duplicate": False}) == []
    assert mirror.wanted() is None
    mirror.is_held = False
    wanted = mirror.wanted()
    assert wanted is not None
    told, _ = mirror.page("r1", wanted[1], wire.page(wire.event(6), wire.event(7)))
    assert seqs(told) == [6, 7]


def test_pushes_beside_the_log() -> None:
    mirror = begun(wire.room())
    (typing,) = mirror.push({"type": "typing", "room_id": "r1", "user": wire.BOB, "typing": True})
    assert isinstance(typing, Typing)
    assert (typing.user.username, typing.typing) == ("bob", True)
    (read,) = mirror.push({"type": "read", "room_id": "r1", "user": wire.BOB, "read_seq": 4})
    assert isinstance(read, ReadMoved)
    assert read.read_seq == 4


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "something.new"},
        {"type": "something.new", "room_id": "r1"},
        {"type": "delivered", "room_id": "r1", "seq": 6},
    ],
)
def test_unknown_pushes_are_ignored(frame: wire.Json) -> None:
    mirror = begun(wire.room(last_seq=5))
    assert mirror.push(frame) == []
    assert seqs(mirror.push(wire.event(6))) == [6]


def test_an_event_of_an_unknown_kind_keeps_its_place() -> None:
    mirror = begun(wire.room(last_seq=5))
    (told,) = mirror.push(wire.event(6, "poll.created", question="tea?"))
    assert isinstance(told, Event)
    assert told.type == "poll.created"
    assert seqs(mirror.push(wire.event(7))) == [7]


def test_what_is_known_of_a_room_follows_its_events() -> None:
    mirror = begun(wire.room(last_seq=5))
    info = {"id": "r1", "name": "coffee", "topic": "beans", "visibility": "public"}
    mirror.push(wire.event(6, "room.updated", room=info))
    mirror.push(wire.event(7, "member.role_changed", user=wire.BOB, role="owner"))
    mirror.push(wire.event(8, "member.role_changed", user=wire.ADA, role="moderator"))
    room = mirror.rooms["r1"]
    assert (room.name, room.topic) == ("coffee", "beans")
    assert room.me is not None
    assert room.me.role == "moderator"

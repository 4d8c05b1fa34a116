"""Which rooms a node follows, and how it hears of joins that no event told of."""

from __future__ import annotations

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from api.domain.events import Event
from tests.unit.broadcast.connections import RecordingConnection
from tests.unit.broadcast.nodes import Cluster
from tests.unit.broadcast.stage import Stage
from tests.unit.broadcast.stores import Database


class Place:
    """Two nodes that hear nothing of each other; bob is connected here and in no room."""

    def __init__(self, database: Database) -> None:
        self.stage = Stage()
        self.cluster = Cluster(database, self.stage, nodes=2, loss=1.0)
        self.here, self.there = self.cluster.nodes
        self.ada, self.bob = self.cluster.people(2)
        self.room = self.cluster.room(self.ada)
        self.bobs = self.cluster.connection(self.bob)

    async def connect(self, connection: RecordingConnection) -> None:
        self.stage.spawn(self.cluster.connect(self.here, connection.user, connection=connection))
        await self.everything()

    async def everything(self) -> None:
        await self.stage.take_all()

    async def check(self) -> None:
        self.stage.spawn(self.here.manager.check_rooms())
        await self.everything()

    async def bob_joins_elsewhere(self) -> None:
        self.stage.spawn(self.there.members.put(self.bob, self.room, self.bob.id, None))
        await self.everything()


@pytest_asyncio.fixture
async def place(database: Database) -> Place:
    return Place(database)


async def test_a_join_elsewhere_into_a_room_nobody_here_is_in_is_found_by_its_users_version(place: Place) -> None:
    await place.connect(place.bobs)
    await place.bob_joins_elsewhere()
    assert not place.bobs.room_ids
    await place.check()
    assert place.bobs.room_ids == {place.room}
    assert [frame["type"] for frame in place.bobs.frames] == ["welcome", "room.joined"]
    await place.check()
    assert len(place.bobs.frames) == 2
    place.cluster.check()


async def test_a_join_that_a_check_saw_and_a_newcomer_did_not_is_found_by_the_next_check(place: Place) -> None:
    """The newcomer's look at the rooms is older than the check's, and the check is over first."""
    place.stage.spawn(place.cluster.connect(place.here, place.bob, connection=place.bobs))
    await place.stage.settle()
    await place.stage.take(place.stage.open_steps()[0])  # the session
    looking = place.stage.open_steps()
    place.stage.spawn(place.there.members.put(place.bob, place.room, place.bob.id, None))
    await place.stage.take_all(keep=lambda step: step in looking)
    check = place.stage.spawn(place.here.manager.check_rooms())
    await place.stage.take_all(keep=lambda step: step in looking)
    assert check.done()
    await place.everything()
    assert place.bobs.is_live
    await place.check()
    assert place.bobs.room_ids == {place.room}
    place.cluster.check()


@pytest.mark.parametrize("asks", ["check", "typing"])
async def test_a_number_of_members_that_was_overtaken_on_its_way_is_not_kept(place: Place, asks: str) -> None:
    await place.connect(place.cluster.connection(place.ada))
    manager = place.here.manager
    place.stage.spawn(manager.check_rooms() if asks == "check" else manager.member_count(place.room))
    await place.stage.settle()
    asked = place.stage.open_steps()
    place.stage.spawn(place.here.store.write(lambda unit: unit.members.remove(place.room, place.ada.id)))
    await place.stage.take_all(keep=lambda step: step in asked)
    await place.everything()
    counted = place.stage.spawn(manager.member_count(place.room))
    await place.everything()
    assert counted.result() == 0


async def test_an_admission_that_failed_is_made_up_for_even_if_another_connection_came_meanwhile(place: Place) -> None:
    await place.connect(place.bobs)
    with capture_logs() as logs:
        place.stage.spawn(place.here.members.put(place.bob, place.room, place.bob.id, None))
        await place.stage.settle()
        await place.stage.take(place.stage.open_steps()[0])  # the commit
        place.here.store.failures = 1
        await place.everything()
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["broadcast.failed"]
    assert not place.bobs.room_ids
    second = place.cluster.connection(place.bob)
    await place.connect(second)
    assert second.room_ids == {place.room}
    await place.check()
    assert place.bobs.room_ids == {place.room}
    place.cluster.check()


async def test_versions_of_people_who_have_gone_are_forgotten(place: Place) -> None:
    await place.connect(place.bobs)
    assert set(place.here.manager._joining._rooms_versions) == {place.bob.id}
    place.bobs.lose()
    await place.check()
    assert not place.here.manager._joining._rooms_versions


async def test_an_empty_room_is_let_go_at_the_second_check_and_followed_anew_when_needed(place: Place) -> None:
    adas = place.cluster.connection(place.ada)
    await place.connect(adas)
    assert place.here.manager.followed_rooms == 1
    adas.lose()
    await place.check()
    assert place.here.manager.followed_rooms == 1, "somebody on the way in may have just asked for it"
    await place.check()
    assert place.here.manager.followed_rooms == 0
    again = place.cluster.connection(place.ada)
    await place.connect(again)
    place.cluster.send(place.here, place.ada, place.room, None)
    await place.everything()
    assert [frame["type"] for frame in again.frames] == ["welcome", "message.created"]
    place.cluster.check()


async def test_a_room_that_fills_again_between_two_checks_stays(place: Place) -> None:
    adas = place.cluster.connection(place.ada)
    await place.connect(adas)
    adas.lose()
    await place.check()
    again = place.cluster.connection(place.ada)
    await place.connect(again)
    await place.check()
    again.lose()
    await place.check()
    assert place.here.manager.followed_rooms == 1


async def test_a_node_that_follows_nothing_asks_for_nothing(place: Place) -> None:
    await place.check()
    assert place.here.manager.followed_rooms == 0


async def test_a_room_that_cannot_be_followed_leaves_no_trace(place: Place) -> None:
    place.here.store.failures = 0
    adas = place.cluster.connection(place.ada)
    place.stage.spawn(place.cluster.connect(place.here, place.ada, connection=adas))
    await place.stage.settle()
    for _ in range(2):  # the session, the rooms
        await place.stage.take(place.stage.open_steps()[0])
    place.here.store.failures = 1
    await place.everything()
    assert adas.closed_with is not None
    assert place.here.manager.followed_rooms == 0
    assert place.here.nobody_is_on_the_way_in
    again = place.cluster.connection(place.ada)
    await place.connect(again)
    assert again.is_live


async def test_many_who_come_at_once_share_one_activation(place: Place) -> None:
    for _ in range(5):
        place.stage.spawn(place.cluster.connect(place.here, place.ada))
    await place.everything()
    assert place.stage.past.count("node 1: subscribe") == 1
    assert all(connection.is_live for connection in place.cluster.connections)


async def test_who_gives_up_takes_the_activation_from_nobody(place: Place) -> None:
    first, second = place.cluster.connection(place.ada), place.cluster.connection(place.ada)
    giving_up = place.stage.spawn(place.here.manager.join(first, check=_fine, welcome=lambda _rooms: b"{}"))
    place.stage.spawn(place.cluster.connect(place.here, place.ada, connection=second))
    await place.stage.settle()
    while "node 1: subscribe" not in place.stage.past:
        await place.stage.take(place.stage.open_steps()[0])
    giving_up.cancel()
    await place.stage.settle()
    assert giving_up.cancelled()
    await place.everything()
    assert second.is_live
    assert not first.is_live
    assert place.here.nobody_is_on_the_way_in


async def _fine() -> None:
    pass


async def test_a_hint_of_a_join_into_a_followed_room_needs_no_check(database: Database) -> None:
    stage = Stage()
    cluster = Cluster(database, stage, nodes=2, loss=0.0)
    here, there = cluster.nodes
    ada, bob = cluster.people(2)
    room = cluster.room(ada)
    stage.spawn(cluster.connect(here, ada))
    bobs = cluster.connection(bob)
    stage.spawn(cluster.connect(here, bob, connection=bobs))
    await stage.take_all()
    stage.spawn(there.members.put(bob, room, bob.id, None))
    await stage.take_all()
    assert bobs.room_ids == {room}, "no ticker was needed"
    cluster.check()


async def test_a_fault_in_one_event_keeps_no_other_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    adas = place.cluster.connection(place.ada)
    await place.connect(adas)
    publish = place.here.manager._publish

    def faulty(event: Event) -> None:
        if event.seq == 2:
            raise RuntimeError("of this event")
        publish(event)

    monkeypatch.setattr(place.here.manager, "_publish", faulty)
    with capture_logs() as logs:
        for _ in range(3):
            place.cluster.send(place.here, place.ada, place.room, None)
        await place.everything()
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["broadcast.failed"]
    assert [frame["seq"] for frame in adas.frames[1:]] == [2, 3, 4]

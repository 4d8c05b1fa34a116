"""Answers to sent messages: once each, in the place of the event, whatever comes first."""

from __future__ import annotations

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from api.domain.errors import ChatError, ErrorCode
from api.protocol.problems import CloseCode
from tests.unit.broadcast.connections import Frame, RecordingConnection, RecordingOrigin
from tests.unit.broadcast.nodes import Cluster, Node
from tests.unit.broadcast.stage import Stage, Step
from tests.unit.broadcast.stores import Database


class Talk:
    """Two nodes that hear nothing of each other; ada and bob are in one room, each with a connection on `here`."""

    def __init__(self, database: Database) -> None:
        self.stage = Stage()
        self.cluster = Cluster(database, self.stage, nodes=2, loss=1.0)
        self.here, self.there = self.cluster.nodes
        self.ada, self.bob = self.cluster.people(2)
        self.room = self.cluster.room(self.ada, self.bob)
        self.adas = self.cluster.connection(self.ada)
        self.bobs = self.cluster.connection(self.bob)

    async def begin(self) -> Talk:
        for connection in (self.adas, self.bobs):
            self.stage.spawn(self.cluster.connect(self.here, connection.user, connection=connection))
            await self.everything()
        return self

    async def everything(self) -> None:
        await self.stage.take_all()

    async def take(self, label: str) -> None:
        """Take the step of this name; there is one."""
        await self.stage.settle()
        (step,) = [step for step in self.stage.open_steps() if step.label == label]
        await self.stage.take(step)

    async def everything_but(self, label: str) -> None:
        def is_kept(step: Step) -> bool:
            return step.label == label

        await self.stage.take_all(keep=is_kept)

    def send(
        self,
        connection: RecordingConnection | None,
        *,
        node: Node | None = None,
        key: str | None = None,
        body: str | None = None,
    ) -> RecordingOrigin:
        user = self.ada if connection is None else connection.user
        return self.cluster.send(node or self.here, user, self.room, connection, key=key, body=body)

    async def end(self) -> None:
        """Check everybody's whole view."""
        await self.cluster.quiesce()
        self.cluster.check()


@pytest_asyncio.fixture
async def talk(database: Database) -> Talk:
    return await Talk(database).begin()


def shown(connection: RecordingConnection) -> list[tuple[str, int]]:
    """What came behind `welcome`, an ack by its message's seq, an error by its code."""

    def one(frame: Frame) -> tuple[str, int]:
        if frame["type"] == "ack":
            return "duplicate" if frame["result"]["duplicate"] else "ack", frame["result"]["message"]["seq"]
        if frame["type"] == "error":
            return frame["code"], 0
        return frame["type"], frame.get("seq", 0)

    return [one(frame) for frame in connection.frames[1:]]


CREATED = "message.created"


async def test_the_ack_takes_the_place_of_the_event(talk: Talk) -> None:
    talk.send(talk.adas)
    talk.send(talk.bobs)
    talk.send(talk.adas)
    await talk.everything()
    assert shown(talk.adas) == [("ack", 3), (CREATED, 4), ("ack", 5)]
    assert shown(talk.bobs) == [(CREATED, 3), ("ack", 4), (CREATED, 5)]
    await talk.end()


async def test_the_senders_other_connections_get_the_event(talk: Talk) -> None:
    other = talk.cluster.connection(talk.ada)
    talk.stage.spawn(talk.cluster.connect(talk.here, talk.ada, connection=other))
    await talk.everything()
    talk.send(talk.adas)
    await talk.everything()
    assert (shown(talk.adas), shown(other)) == ([("ack", 3)], [(CREATED, 3)])
    await talk.end()


async def test_nobody_is_answered_before_the_commit(talk: Talk) -> None:
    origin = talk.send(talk.adas)
    await talk.stage.settle()
    assert origin.answers == 0
    await talk.take("commit")
    assert origin.answers == 0
    await talk.take("node 1: committed")
    assert origin.answers == 1


async def test_a_refill_may_deliver_the_message_before_the_writer_tells_of_it(talk: Talk) -> None:
    talk.send(talk.adas)
    await talk.take("commit")
    talk.stage.spawn(talk.here.manager.check_rooms())
    await talk.everything_but("node 1: committed")
    assert shown(talk.adas) == [("ack", 3)]
    assert shown(talk.bobs) == [(CREATED, 3)]
    await talk.take("node 1: committed")
    assert shown(talk.adas) == [("ack", 3)], "answered again"
    await talk.end()


async def test_above_a_hole_the_ack_waits_for_what_is_before_it(talk: Talk) -> None:
    talk.send(None, node=talk.there)
    await talk.everything()
    origin = talk.send(talk.adas)
    await talk.take("commit")
    await talk.take("node 1: committed")
    assert origin.answers == 0
    await talk.everything()
    assert shown(talk.adas) == [(CREATED, 3), ("ack", 4)]
    assert shown(talk.bobs) == [(CREATED, 3), (CREATED, 4)]
    await talk.end()


async def test_above_a_hole_nobody_waits_who_has_no_place_in_the_stream(talk: Talk) -> None:
    talk.send(None, node=talk.there)
    await talk.everything()
    origin = talk.send(None)
    await talk.take("commit")
    await talk.take("node 1: committed")
    assert origin.answers == 1
    await talk.end()


async def test_a_sender_who_is_not_in_the_stream_yet_comes_in_above_his_acknowledged_message(talk: Talk) -> None:
    """Carol joined and sends at once. The room is opened to her below her message: its ack has to stand there."""
    (carol,) = talk.cluster.people(1)
    carols = talk.cluster.connection(carol)
    talk.stage.spawn(talk.cluster.connect(talk.here, carol, connection=carols))
    await talk.everything()
    talk.stage.spawn(talk.here.members.put(carol, talk.room, carol.id, None))
    await talk.take("commit")
    await talk.take("node 1: committed")
    assert [step.label for step in talk.stage.open_steps()] == ["node 1: read"], "she is on her way in"
    way_in = talk.stage.open_steps()[0]
    talk.send(None, node=talk.there)
    await talk.take("commit")
    talk.send(carols)
    await talk.take("commit")
    await talk.take("node 1: committed")
    await talk.stage.take(way_in)
    await talk.everything()
    assert shown(carols) == [("room.joined", 0), (CREATED, 4), ("ack", 5)]
    await talk.end()


async def test_a_sender_without_a_dispatcher_is_answered_after_the_commit(talk: Talk) -> None:
    carol = talk.cluster.people(1, is_admin=True)[0]
    carols = talk.cluster.connection(carol)
    talk.stage.spawn(talk.cluster.connect(talk.there, carol, connection=carols))
    await talk.everything()
    talk.send(carols, node=talk.there)
    await talk.everything()
    assert shown(carols) == [("ack", 3)], "an admin may speak where he is no member"


async def test_a_sender_who_is_gone_keeps_nobody_waiting(talk: Talk) -> None:
    origin = talk.send(talk.adas)
    await talk.take("commit")
    talk.adas.lose()
    await talk.everything()
    assert origin.answers == 1
    assert shown(talk.adas) == []
    assert shown(talk.bobs) == [(CREATED, 3)]
    await talk.end()


async def test_the_last_one_in_a_room_may_go_while_his_message_is_above_a_hole(talk: Talk) -> None:
    """The dispatcher is let go only when it owes no answer."""
    talk.bobs.lose()
    talk.send(None, node=talk.there)
    await talk.everything()
    origin = talk.send(talk.adas)
    await talk.take("commit")
    await talk.take("node 1: committed")
    talk.adas.lose()
    for _ in range(2):
        check = talk.stage.spawn(talk.here.manager.check_rooms())
        await talk.stage.settle()
        await talk.stage.take(talk.stage.open_steps()[-1])
        while not check.done():
            await talk.stage.take(talk.stage.open_steps()[-1])
    assert origin.answers == 0
    await talk.everything()
    assert origin.answers == 1
    await talk.end()


async def test_a_repeat_is_answered_at_once_and_stands_for_nothing(talk: Talk) -> None:
    talk.send(talk.adas, key="k", body="hello")
    await talk.everything()
    talk.send(None, node=talk.there)
    await talk.everything()
    talk.send(talk.adas, key="k", body="hello")
    await talk.everything()
    await talk.cluster.quiesce()
    assert shown(talk.adas) == [("ack", 3), ("duplicate", 3), (CREATED, 4)]
    assert shown(talk.bobs) == [(CREATED, 3), (CREATED, 4)]
    talk.cluster.check()


async def test_of_two_with_one_key_in_one_batch_the_second_is_the_repeat(talk: Talk) -> None:
    first, again = (talk.send(talk.adas, key="k", body="hello") for _ in range(2))
    await talk.everything()
    assert shown(talk.adas) == [("ack", 3), ("duplicate", 3)]
    assert again.settled == [(first.settled[0][0], True)]
    await talk.end()


async def test_another_body_under_a_used_key_is_a_conflict(talk: Talk) -> None:
    talk.send(talk.adas, key="k")
    talk.send(talk.adas, key="k")
    await talk.everything()
    assert shown(talk.adas) == [("ack", 3), ("idempotency_conflict", 0)]
    await talk.end()


async def test_a_commit_of_unknown_outcome_is_an_error_and_the_message_an_event(talk: Talk) -> None:
    talk.cluster.writer.unknown_outcomes = 1
    with capture_logs():
        origin = talk.send(talk.adas)
        await talk.everything()
        assert shown(talk.adas) == [("unavailable", 0)]
        assert origin.failed[0].retry_after_ms is not None
        await talk.end()
    assert shown(talk.adas) == [("unavailable", 0), (CREATED, 3)]
    assert shown(talk.bobs) == [(CREATED, 3)]


async def test_who_may_not_send_hears_why_and_the_others_hear_nothing(talk: Talk) -> None:
    (carol,) = talk.cluster.people(1)
    carols = talk.cluster.connection(carol)
    talk.stage.spawn(talk.cluster.connect(talk.here, carol, connection=carols))
    await talk.everything()
    talk.send(carols)
    talk.send(talk.adas)
    await talk.everything()
    assert shown(carols) == [("forbidden", 0)]
    assert shown(talk.bobs) == [(CREATED, 3)]
    await talk.end()


async def test_a_full_queue_is_refused_at_once_and_leaves_nobody_waiting(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = RecordingOrigin(talk.adas, "c1")

    def full(_append: object) -> None:
        raise ChatError(ErrorCode.UNAVAILABLE, "full")

    monkeypatch.setattr(talk.here.store, "submit", full)
    with pytest.raises(ChatError) as refused:
        talk.here.messages.send(talk.ada, talk.room, "hello", None, origin)
    assert refused.value.code is ErrorCode.UNAVAILABLE
    assert origin.answers == 0
    assert not talk.here.manager._origins


async def test_a_slow_sender_is_cut_and_the_others_hear_him(talk: Talk, database: Database) -> None:
    slow = RecordingConnection("slow", talk.ada, talk.adas.session_id, frames_max=2)
    talk.stage.spawn(talk.cluster.connect(talk.here, talk.ada, connection=slow))
    await talk.everything()
    slow.wire.is_writable = False
    for _ in range(5):
        talk.send(slow)
    await talk.everything()
    assert slow.closed_with is CloseCode.SLOW_CONSUMER
    assert slow.overflows == 1
    assert shown(talk.bobs) == [(CREATED, seq) for seq in range(3, 8)]

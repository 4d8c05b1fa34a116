"""What goes in at one end of the manager, and what connections get at the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from api.broadcast.base import EphemeralHint, EventHint, Origin
from api.domain.errors import ErrorCode
from api.domain.events import Event, EventType
from api.domain.models import Room, UserRole
from api.protocol import frames
from api.protocol.problems import CloseCode
from api.services.accounts import enrol
from api.store.base import Append, Written
from tests.unit.broadcast.connections import RecordingConnection, RecordingOrigin
from tests.unit.services.town import Town, open_town
from tests.unit.store.scene import new_id


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path) as opened:
        yield opened


def heard(connection: RecordingConnection) -> list[str]:
    """Tell the types of what a connection got since its welcome."""
    connection.outbox.flush()
    return [frame["type"] for frame in connection.frames[1:]]


def hint(town: Town, *, to_own: bool, to_others: bool) -> EphemeralHint:
    return EphemeralHint(town.public, b'{"type": "typing"}', town["member"].id, to_own=to_own, to_others=to_others)


class TestMessages:
    async def test_the_one_who_waits_is_answered_and_the_others_get_the_event(self, town: Town) -> None:
        sender, other = await town.connect("member"), await town.connect("owner")
        origin = RecordingOrigin(sender, "c1")
        town.messages.send(town["member"], town.public, "hello", None, origin)
        await town.scene.store.write(lambda _unit: None)
        assert [duplicate for _message, duplicate in origin.settled] == [False]
        assert heard(sender) == ["ack"]
        assert heard(other) == ["message.created"]
        assert town.stats.messages == 1

    async def test_a_repeat_is_answered_at_once_and_nobody_hears_of_it(self, town: Town) -> None:
        message, _ = await town.messages.post(town["member"], town.public, "hello", "key")
        assert not town.manager._origins, "nobody waits any more"
        sender, other = await town.connect("member"), await town.connect("owner")
        origin = RecordingOrigin(sender, "c1")
        town.messages.send(town["member"], town.public, "hello", "key", origin)
        await town.scene.store.write(lambda _unit: None)
        assert origin.settled == [(message, True)]
        assert (heard(sender), heard(other)) == (["ack"], [])
        assert town.stats.messages == 1, "the first alone"

    async def test_what_the_store_refuses_is_told_to_the_one_who_waits(self, town: Town) -> None:
        origin = RecordingOrigin(None, "c1")
        town.messages.send(town["stranger"], town.private, "hello", None, origin)
        await town.scene.store.write(lambda _unit: None)
        assert [error.code for error in origin.failed] == [ErrorCode.NOT_FOUND]

    async def test_a_message_that_was_taken_back_is_nobodys(self, town: Town) -> None:
        origin = RecordingOrigin(None, "c1")
        append = Append(new_id(), town.public, town["member"], "hello", None)
        town.manager.expect(append.message_id, origin)
        town.manager.forget(append.message_id)
        town.manager.forget(append.message_id)
        town.scene.store.submit(append)
        await town.scene.store.write(lambda _unit: None)
        assert origin.answers == 0

    async def test_one_entrys_fault_is_one_line_and_keeps_no_other_back(self, town: Town) -> None:
        other = await town.connect("owner")
        seq = await town.last_seq(town.public)

        def event(number: int) -> Event:
            return Event(EventType.ROOM_DELETED, town.public, number, 0, town["owner"].ref)

        broken = cast("Origin", object())
        append = Append(new_id(), town.public, town["member"], "hello", None)
        append.duplicate = True
        append.message = (await town.messages.post(town["member"], town.public, "hello", None))[0]
        town.manager.expect(append.message_id, broken)
        with capture_logs() as lines:
            town.manager.committed([append, Written([event(seq + 2)])])
        assert [line["event"] for line in lines] == ["broadcast.failed"]
        assert heard(other)[:2] == ["message.created", "room.deleted"]

    async def test_one_events_fault_keeps_none_of_the_same_write_back(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As when somebody deletes the account and leaves many rooms at once."""
        other = await town.connect("owner")
        broken, fine = [
            Event(EventType.ROOM_UPDATED, room_id, await town.last_seq(room_id) + 1, 0, town["owner"].ref)
            for room_id in (town.private, town.public)
        ]
        publish = town.manager._publish

        def publish_or_break(event: Event) -> None:
            if event is broken:
                raise LookupError("a fault")
            publish(event)

        monkeypatch.setattr(town.manager, "_publish", publish_or_break)
        with capture_logs() as lines:
            town.manager.committed([Written([broken, fine])])
        assert [(line["event"], line["room_id"]) for line in lines] == [("broadcast.failed", town.private)]
        assert heard(other) == ["room.updated"]


class TestOtherNodes:
    async def test_an_event_of_another_node_comes_to_the_connections_here(self, town: Town) -> None:
        other = await town.connect("owner")
        seq = await town.last_seq(town.public)
        event = Event(EventType.MEMBER_LEFT, town.public, seq + 1, 0, town["member"].ref, user=town["member"].ref)
        town.manager._hint_received(EventHint(event))
        town.manager._hint_received(EventHint(event))
        assert heard(other) == ["member.left"], "once, however often it is heard of"

    async def test_who_joins_elsewhere_is_let_in_here(self, town: Town) -> None:
        stranger = await town.connect("stranger")
        assert not town.manager.is_in_room(stranger, town.public)
        await town.members.put(town["stranger"], town.public, town["stranger"].id, None)
        await town.manager.admitted(town["stranger"].id, town.public)
        assert town.manager.is_in_room(stranger, town.public)
        assert "room.joined" in heard(stranger)

    async def test_who_could_not_be_let_in_is_at_the_next_check(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stranger = await town.connect("stranger")

        def broken(_room: Room) -> bytes:
            raise LookupError("a fault")

        with monkeypatch.context() as patch, capture_logs() as lines:
            patch.setattr(frames, "room_joined", broken)
            await town.members.put(town["stranger"], town.public, town["stranger"].id, None)
        failed = [line for line in lines if line["event"] == "broadcast.failed"]
        assert [(line["room_id"], line["user_id"]) for line in failed] == [(town.public, town["stranger"].id)]
        assert not town.manager.is_in_room(stranger, town.public)
        await town.manager.check_rooms()
        await town.manager.admitted(town["stranger"].id, town.public)
        assert town.manager.is_in_room(stranger, town.public)

    async def test_a_push_of_another_node_is_shown_and_of_an_unknown_room_dropped(self, town: Town) -> None:
        other = await town.connect("owner")
        town.manager._hint_received(hint(town, to_own=False, to_others=True))
        town.manager._hint_received(replace(hint(town, to_own=True, to_others=True), room_id=new_id()))
        assert heard(other) == ["typing"]


class TestPushes:
    @pytest.mark.parametrize(
        ("to_own", "to_others", "hear"),
        [
            (False, True, {"owner"}),
            (True, False, {"second"}),
            (True, True, {"owner", "second"}),
        ],
    )
    async def test_they_go_to_whom_they_are_for_and_never_back(
        self,
        town: Town,
        to_own: bool,  # noqa: FBT001 - a parameter of the test
        to_others: bool,  # noqa: FBT001
        hear: set[str],
    ) -> None:
        connections = {
            "sender": await town.connect("member"),
            "second": await town.connect("member"),
            "owner": await town.connect("owner"),
            "stranger": await town.connect("stranger"),
        }
        town.manager.push(hint(town, to_own=to_own, to_others=to_others), connections["sender"])
        assert {name for name, connection in connections.items() if heard(connection)} == hear

    async def test_members_are_counted_from_memory_or_else_from_the_store(self, town: Town) -> None:
        assert await town.manager.member_count(town.public) == 3
        assert town.manager.followed_rooms == 0
        await town.connect("member")
        assert await town.manager.member_count(town.public) == 3
        assert town.manager.followed_rooms == 3, "the default room, too"

    async def test_who_signs_up_or_goes_away_for_good_counts_at_once_though_no_event_tells_of_it(
        self, town: Town
    ) -> None:
        await town.connect("member")
        before = await town.manager.member_count(town.general)
        newcomer = await town.scene.store.write(lambda unit: enrol(unit, "newcomer", None, "no hash"))
        assert await town.manager.member_count(town.general) == before + 1
        await town.scene.store.write(lambda unit: unit.members.remove(town.general, newcomer.id))
        assert await town.manager.member_count(town.general) == before


class TestConnections:
    async def test_who_ended_gets_nothing_more(self, town: Town) -> None:
        gone, other = await town.connect("member"), await town.connect("owner")
        town.manager.leave(gone)
        town.manager.leave(gone)
        await town.messages.post(town["owner"], town.public, "hello", None)
        assert heard(gone) == []
        assert heard(other) == ["message.created"]

    async def test_sessions_and_users_are_closed_with_their_code(self, town: Town) -> None:
        first, second = await town.connect("member"), await town.connect("member")
        other = await town.connect("owner")
        town.manager.close_sessions([first.session_id], CloseCode.SESSION_REVOKED)
        assert (first.closed_with, second.closed_with) == (CloseCode.SESSION_REVOKED, None)
        town.manager.close_user(town["member"].id, CloseCode.ACCOUNT_SUSPENDED)
        assert (second.closed_with, other.closed_with) == (CloseCode.ACCOUNT_SUSPENDED, None)

    async def test_a_changed_user_is_another_on_his_live_connections(self, town: Town) -> None:
        connection, other = await town.connect("member"), await town.connect("owner")
        changed = replace(town["member"], display_name="Another", role=UserRole.ADMIN)
        town.manager.refresh_user(changed)
        assert connection.user == changed
        assert other.user == town["owner"]

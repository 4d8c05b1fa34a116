"""Bans and lost roles in the middle of a flood: what comes above their place in the log is neither taken nor shown."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.domain.events import Event, EventType
from api.domain.models import Role, User
from api.services.members import Members
from tests.unit.store.scene import add
from tests.unit.ws.desk import Desk, FakeWire, Frame, receive

RACES = 200
FLOOD = 12


@pytest.fixture
def members(desk: Desk) -> Members:
    """Give what the routes of members work with."""
    return Members(desk.scene.store, desk.manager, rooms_per_user_max=200)


async def answers(wire: FakeWire, count: int) -> list[Frame]:
    """Wait until so many commands are answered."""
    frames = [frame for frame in wire.frames if frame["type"] in {"ack", "error"}]
    while len(frames) < count:
        await wire.get(len(wire.frames) + 1)
        frames = [frame for frame in wire.frames if frame["type"] in {"ack", "error"}]
    return frames


async def turns(dice: random.Random) -> None:
    """Let some of the flood be written first, a little or a lot."""
    for _ in range(dice.randrange(12)):
        await asyncio.sleep(0)


def place_of(log: list[Event], kind: EventType) -> int:
    """Find the one event of this type."""
    (event,) = (event for event in log if event.type is kind)
    return event.seq


def shown(wire: FakeWire) -> list[int]:
    """Give the seqs of the events and acks that a connection got, in its order."""
    seqs = []
    for frame in wire.frames:
        if "seq" in frame:
            seqs.append(int(frame["seq"]))
        elif frame["type"] == "ack" and "duplicate" in frame["result"]:
            seqs.append(int(frame["result"]["message"]["seq"]))
    return seqs


async def test_a_ban_in_the_middle_of_a_flood_has_one_place_for_all_of_its_effects(
    desk: Desk, members: Members
) -> None:
    """200 races: no event of theirs above it, none shown to them from it on, and no refusal below it."""
    dice = random.Random(43)
    sender, flooding = await desk.live(desk.bob)
    second, silent = await desk.live(desk.bob)
    owner, watching = await desk.live()
    refused_ever = 0
    for _ in range(RACES):
        start = (await desk.scene.store.read(lambda rows: rows.rooms.head(desk.room)))[0]
        for wire in (flooding, silent, watching):
            wire.writes.clear()
        receive(owner, "message.send", "o", room_id=desk.room, body="something to edit")
        receive(sender, "typing.set", "t", room_id=desk.room, typing=True)
        for number in range(FLOOD // 2):
            receive(sender, "message.send", f"c{number}", room_id=desk.room, body=f"flood {number}")
        with capture_logs():
            await turns(dice)
            banning = asyncio.create_task(members.ban(desk.ada, desk.room, desk.bob.id, reason=""))
            await turns(dice)
            for number in range(FLOOD // 2, FLOOD):
                receive(sender, "message.send", f"c{number}", room_id=desk.room, body=f"flood {number}")
            await banning
        told = [answer for answer in await answers(flooding, FLOOD + 1) if answer["id"] != "t"]
        log = await desk.scene.log(desk.room, after_seq=start)
        place = place_of(log, EventType.MEMBER_BANNED)

        theirs = [event.seq for event in log if event.actor is not None and event.actor.id == desk.bob.id]
        acked = [answer["result"]["message"]["seq"] for answer in told if answer["type"] == "ack"]
        assert acked == theirs
        assert all(seq < place for seq in theirs)
        assert [answer["type"] for answer in told] == ["ack"] * len(acked) + ["error"] * (FLOOD - len(acked))
        assert {answer["code"] for answer in told[len(acked) :]} <= {"banned"}
        refused_ever += FLOOD - len(acked)
        below = [event.seq for event in log if event.seq < place]
        for connection, wire in ((sender, flooding), (second, silent)):
            assert shown(wire) == below
            assert [frame["reason"] for frame in wire.frames if frame["type"] == "room.left"] == ["banned"]
            assert desk.room not in connection.room_ids
        await back(desk, members)
    assert 0 < refused_ever < RACES * FLOOD, "some came before the ban, and some behind it"


async def back(desk: Desk, members: Members) -> None:
    """Let the banned one join again."""
    with capture_logs():
        await members.unban(desk.ada, desk.room, desk.bob.id)
        await members.put(desk.bob, desk.room, desk.bob.id, None)


@pytest.mark.parametrize(("before", "behind"), [(Role.MODERATOR, Role.MEMBER), (Role.MEMBER, Role.MODERATOR)])
async def test_a_role_holds_from_its_place_in_the_log_on(
    desk: Desk, members: Members, before: Role, behind: Role
) -> None:
    """A moderator deletes what others wrote: below the loss of the role, or above its gift, and nowhere else."""
    dice = random.Random(48)
    eve = await desk.scene.user("eve")
    await desk.scene.store.write(lambda unit: add(unit, desk.room, eve, before))
    connection, wire = await desk.live(eve)
    done_ever = 0
    for _ in range(RACES // 4):
        targets = [(await desk.scene.send(desk.bob, desk.room)).message_id for _ in range(FLOOD)]
        start = (await desk.scene.store.read(lambda rows: rows.rooms.head(desk.room)))[0]
        wire.writes.clear()
        for number, target in enumerate(targets):
            receive(connection, "message.delete", f"c{number}", message_id=target)
        with capture_logs():
            await turns(dice)
            await asyncio.sleep(dice.random() * 0.01)
            await members.put(desk.ada, desk.room, eve.id, behind)
        told = await answers(wire, FLOOD)
        log = await desk.scene.log(desk.room, after_seq=start)
        place = place_of(log, EventType.MEMBER_ROLE_CHANGED)
        deleted = [event.seq for event in log if event.type is EventType.MESSAGE_DELETED]
        assert all((seq < place) is (before is Role.MODERATOR) for seq in deleted)
        assert len(deleted) == sum(answer["type"] == "ack" for answer in told)
        assert {answer.get("code") for answer in told} <= {None, "forbidden"}
        done_ever += len(deleted)
        await set_role(desk, members, eve, before)
    assert 0 < done_ever < RACES // 4 * FLOOD, "some came before the change, and some behind it"


async def set_role(desk: Desk, members: Members, user: User, role: Role) -> Any:  # noqa: ANN401 - nobody asks
    """Give the role back."""
    with capture_logs():
        return await members.put(desk.ada, desk.room, user.id, role)

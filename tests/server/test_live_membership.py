"""Membership takes effect on live connections at once: who hears what, from when, until when."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.conversation import (
    Json,
    add,
    ban,
    done,
    heard,
    join,
    last_seq,
    log_of,
    of_room,
    quiet,
    read_room,
    refused,
    remove,
    say,
    seqs,
    types,
    unban,
)
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.sockets import Socket

JOINED = pytest.mark.wire("room.joined")
LEFT = pytest.mark.wire("room.left")


@JOINED
async def test_the_creator_hears_room_joined_in_place_of_room_created(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    first, second = await ada.connect(), await ada.connect()
    room = await make_room(ada)
    for socket in (first, second):
        assert await socket.next("room.joined") == {"type": "room.joined", "room": room}
    message = await say(ada, room)
    for socket in (first, second):
        assert [event["message"] for event in await heard(socket, room, 2)] == [message]
        await quiet(socket, room)


@JOINED
@pytest.mark.parametrize("way", ["join", "add"])
async def test_who_comes_hears_room_joined_and_the_others_member_joined(
    person: MakePerson, make_room: MakeRoom, way: str
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada)
    owner, first, second = await ada.connect(), await bob.connect(), await bob.connect()
    await (join(bob, room) if way == "join" else add(ada, room, bob))
    for socket in (first, second):
        opened = await socket.next()
        assert opened["type"] == "room.joined", "it precedes all else of its room"
        assert opened["room"] == await read_room(bob, room)
        assert (opened["room"]["last_seq"], opened["room"]["me"]["role"]) == (2, "member")
    (event,) = await heard(owner, room, 2)
    actor = bob if way == "join" else ada
    assert (event["type"], event["user"], event["role"], event["actor"]) == (
        *("member.joined", bob.ref),
        *("member", actor.ref),
    )
    await say(ada, room)
    for socket in (owner, first, second):
        assert types(await heard(socket, room, 3)) == ["message.created"]
        await quiet(socket, room)


@LEFT
@pytest.mark.parametrize(
    ("event", "reason"), [("member.left", "left"), ("member.removed", "removed"), ("member.banned", "banned")]
)
async def test_who_goes_hears_room_left_and_then_nothing(
    person: MakePerson, make_room: MakeRoom, event: str, reason: str
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    owner, first, second = await ada.connect(), await bob.connect(), await bob.connect()
    await say(bob, room)
    if reason == "banned":
        await ban(ada, room, bob)
    else:
        await remove(bob if reason == "left" else ada, room, bob)
    await say(ada, room)
    assert types(await heard(owner, room, 5)) == ["message.created", event, "message.created"]
    for socket in (first, second):
        assert types(await heard(socket, room, 3)) == ["message.created"]
        assert await socket.next("room.left") == {"type": "room.left", "room_id": room["id"], "reason": reason}
        await quiet(socket, room)
        code = (await socket.error("message.send", room_id=room["id"], body="x"))["code"]
        assert code == ("banned" if reason == "banned" else "forbidden")

    if reason == "banned":
        await unban(ada, room, bob)
        await quiet(first, room)
    await join(bob, room)
    again = await first.next("room.joined")
    assert again["room"]["last_seq"] == await last_seq(ada, room)
    message = await say(ada, room)
    assert seqs(await heard(first, room, message["seq"])) == [message["seq"]]


@LEFT
@pytest.mark.wire("room.deleted")
async def test_at_the_end_of_a_room_everyone_hears_the_event_and_then_room_left(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob, cyd = await asyncio.gather(person(), person(), person())
    room = await make_room(ada, bob, cyd)
    await remove(cyd, room, cyd)
    sockets = [await ada.connect(), await ada.connect(), await bob.connect()]
    gone = await cyd.connect()
    await say(bob, room)
    done(await ada.http.delete(f"/v1/rooms/{room['id']}"), status=204)
    for socket in sockets:
        await socket.next("message.created", room_id=room["id"])
        deleted = await socket.next(room_id=room["id"])
        assert deleted.keys() == {"type", "room_id", "seq", "at", "actor"}
        assert (deleted["type"], deleted["seq"], deleted["actor"]) == ("room.deleted", 6, ada.ref)
        left = await socket.next(room_id=room["id"])
        assert left == {"type": "room.left", "room_id": room["id"], "reason": "deleted"}
        assert (await socket.error("history.get", room_id=room["id"], after_seq=0))["code"] == "not_found"
        assert (await socket.error("message.send", room_id=room["id"], body="x"))["code"] == "not_found"
        await quiet(socket, room)
    await quiet(gone, room)


@pytest.mark.wire("member.role_changed")
async def test_the_rest_is_heard_by_everybody_in_order(person: MakePerson, make_room: MakeRoom) -> None:
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    sockets = [await ada.connect(), await bob.connect()]
    await add(ada, room, bob, "moderator")
    done(await bob.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "new"}))
    cyd = await person()
    await ban(bob, room, cyd)
    await unban(ada, room, cyd)
    for socket in sockets:
        events = await heard(socket, room, 6)
        assert types(events) == ["member.role_changed", "room.updated", "member.banned", "member.unbanned"]
        assert events == (await log_of(ada, room))[2:], "what is live is what the log says"


@LEFT
@pytest.mark.parametrize(("reason", "code"), [("banned", "banned"), ("removed", "forbidden"), ("left", "forbidden")])
async def test_who_goes_in_the_middle_of_a_flood_is_cut_at_its_seq(
    person: MakePerson, make_room: MakeRoom, reason: str, code: str
) -> None:
    """Above that seq there is no event of theirs, and none reaches them; below it nothing is lost."""
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada, bob)
    owner, own, second = await ada.connect(), await bob.connect(), await bob.connect()
    cursor = await last_seq(ada, room)
    for _ in range(5):
        message = await say(bob, room)
        ids = []
        for number in range(30):
            ids.append(await own.post("message.send", room_id=room["id"], body=f"flood {number}"))
            if number % 3 == 0:
                await own.post("message.edit", message_id=message["id"], body=f"edit {number}")
        if reason == "banned":
            await ban(ada, room, bob)
        else:
            await remove(ada if reason == "removed" else bob, room, bob)
        ids += [await own.post("message.send", room_id=room["id"], body="late") for _ in range(5)]
        refused(await bob.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "late"}), code)
        answers = [await own.answer(command_id) for command_id in ids]
        await say(ada, room, "calm again")

        log = await log_of(ada, room, after_seq=cursor)
        assert [(e["seq"], e["type"]) for e in await heard(owner, room, log[-1]["seq"])] == [
            (e["seq"], e["type"]) for e in log
        ]
        (at,) = (event["seq"] for event in log if event["type"] in {"member.banned", "member.removed", "member.left"})
        assert all(event["seq"] <= at for event in log if event["actor"] == bob.ref)
        sent = [event["seq"] for event in log[1:] if event["type"] == "message.created" and event["actor"] == bob.ref]
        assert [answer["type"] for answer in answers] == ["ack"] * len(sent) + ["error"] * (35 - len(sent))
        assert [answer["result"]["message"]["seq"] for answer in answers[: len(sent)]] == sent
        assert {answer["code"] for answer in answers[len(sent) :]} == {code}
        before = [event["seq"] for event in log if event["seq"] < at]
        await assert_cut_at(second, room, reason, before)
        await assert_cut_at(own, room, reason, [seq for seq in before if seq not in sent])  # for those it has the acks

        if reason == "banned":
            await unban(ada, room, bob)
        await join(bob, room)
        for socket in (own, second):
            cursor = (await socket.next("room.joined"))["room"]["last_seq"]
        await heard(owner, room, cursor)


async def assert_cut_at(socket: Socket, room: Json, reason: str, expected: list[int]) -> None:
    """Assert that of this room a socket heard these seqs and then `room.left`, and nothing behind it."""
    frames = await of_room(socket, room)
    assert frames[-1] == {"type": "room.left", "room_id": room["id"], "reason": reason}
    assert seqs(frames[:-1]) == expected
    for _ in frames:
        await socket.next(room_id=room["id"])


@LEFT
@pytest.mark.wire("room.deleted")
async def test_a_room_deleted_in_the_middle_of_a_flood_ends_with_that_event(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, bob = await asyncio.gather(person(), person())
    for _ in range(3):
        room = await make_room(ada, bob)
        owner, own = await ada.connect(), await bob.connect()
        ids = [await own.post("message.send", room_id=room["id"], body=f"flood {n}") for n in range(30)]
        done(await ada.http.delete(f"/v1/rooms/{room['id']}"), status=204)
        ids += [await own.post("message.send", room_id=room["id"], body="late") for _ in range(5)]
        answers = [await own.answer(command_id) for command_id in ids]
        sent = [answer["result"]["message"]["seq"] for answer in answers if answer["type"] == "ack"]
        assert {answer["code"] for answer in answers if answer["type"] == "error"} == {"not_found"}
        assert sent == list(range(3, 3 + len(sent)))
        end = 3 + len(sent)
        events = await heard(owner, room, end)
        assert (seqs(events), events[-1]["type"]) == ([*sent, end], "room.deleted")
        for socket, before in ((owner, []), (own, ["room.deleted"])):
            frames = await of_room(socket, room)
            assert types(frames) == [*before, "room.left"]
            assert frames[-1]["reason"] == "deleted"
            await socket.close()


async def test_a_room_entered_twice_in_haste_ends_as_it_should(person: MakePerson, make_room: MakeRoom) -> None:
    """Joins and leaves in quick succession, under traffic: each visit is one gapless stretch from its cursor on."""
    ada, bob = await asyncio.gather(person(), person())
    room = await make_room(ada)
    writer, socket = await ada.connect(), await bob.connect()
    stop = asyncio.Event()

    async def talk() -> None:
        while not stop.is_set():
            await writer.ok("message.send", room_id=room["id"], body="on and on")

    talking = asyncio.create_task(talk())
    for _ in range(15):
        await join(bob, room)
        await remove(bob, room, bob)
    stop.set()
    await talking
    log = await log_of(ada, room)
    await socket.ok("ping")
    frames = [frame for frame in socket.inbox if frame["type"] != "heartbeat"]
    visits = 0
    at = 0
    for frame in frames:
        if frame["type"] == "room.joined":
            visits += 1
            at = frame["room"]["last_seq"]
        elif frame["type"] == "room.left":
            leave = log[at]
            assert (leave["type"], leave["user"]["id"]) == ("member.left", bob.id), "all up to the leaving was shown"
            at = -1
        else:
            assert frame["seq"] == at + 1
            at = frame["seq"]
    assert visits == 15
    assert at == -1

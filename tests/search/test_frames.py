"""Whatever comes in a frame has one answer, and what is no command has no effect."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.search.frames import FRAME_BYTES, INVALID, Frame, FrameMaker, Places, id_of
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person
from tests.support.raw import Opcode, RawSocket
from tests.support.server import CANARY, ServerProcess
from tests.support.sockets import Socket, check_error_frame

Json = dict[str, Any]

BATCH: Final = 18
"""Below the 20 in a row that end a connection."""


@dataclass
class Fuzz:
    """Somebody who sends anything, and somebody in the same room who sees what comes of it."""

    sender: Socket
    observer: Socket
    room_id: str
    places: Places
    last_seq: int
    read_seq: int
    codes: Counter[str]

    async def send(self, frames: list[Frame]) -> None:
        """Send frames in one go; check their answers, and what the observer sees of them."""
        begin, observed = len(self.sender.heard), len(self.observer.heard)
        for frame in frames:
            await self.sender.send_raw(frame.data)
        answers = await self._answers(begin, len(frames))
        await self.sender.ok("ping")
        assert len(self._of(begin)) == len(frames) + 1, "somebody was answered twice"
        self._check(frames, answers)
        await self.observer.ok("ping")
        seen = [f for f in self.observer.heard[observed:] if f["type"] not in {"ack", "heartbeat"}]
        shown = "\n".join(repr(frame.data)[:500] for frame in frames)
        assert [(f["type"], f["seq"]) for f in seen if "seq" in f] == self._events(answers), f"{seen}\n{shown}"
        passing = Counter((f["type"], f.get("typing", f.get("read_seq"))) for f in seen if "seq" not in f)
        assert passing == self._pushes(frames, answers), f"{seen}\n{shown}"

    def _of(self, begin: int) -> list[Json]:
        return [frame for frame in self.sender.heard[begin:] if frame["type"] in {"ack", "error"}]

    async def _answers(self, begin: int, count: int) -> list[Json]:
        async with asyncio.timeout(10):
            while len(found := self._of(begin)) < count:
                assert self.sender.connection.close_code is None, self.sender.connection.close_code
                await asyncio.sleep(0.001)
        return found

    def _check(self, frames: list[Frame], answers: list[Json]) -> None:
        expected = Counter(str(id_of(frame.data)) for frame in frames)
        assert Counter(str(answer["id"]) for answer in answers) == expected, [frame.data for frame in frames]
        by_id = {answer["id"]: answer for answer in answers}
        for answer in answers:
            self.codes[answer.get("code", "ack")] += 1
            if answer["type"] == "error":
                check_error_frame(answer)
                assert answer["code"] != "internal_error", answer
        for frame in frames:
            code, shown = by_id[id_of(frame.data)].get("code"), repr(frame.data)[:2000]
            if frame.codes is None:
                # What only the database could judge is the one thing that is wrong with a valid command.
                is_beyond = code == "validation_error" and '"read.mark"' in str(frame.data)
                assert is_beyond or code not in INVALID, f"{code} {shown}"
            elif id_of(frame.data) is not None:
                assert code in frame.codes, f"{code} {shown}"
            else:
                assert code in INVALID, f"{code} {shown}"

    def _events(self, answers: list[Json]) -> list[tuple[str, int]]:
        """What the acks say that was added to the log."""
        found: dict[int, str] = {}
        for result in (answer.get("result", {}) for answer in answers):
            message = result.get("message")
            if message is None or message["revision"] <= self.last_seq or result.get("duplicate"):
                continue
            if "duplicate" in result:
                self.places.messages.append(message["id"])
            what = "created" if "duplicate" in result else "deleted" if message["deleted_at"] else "edited"
            found[message["revision"]] = f"message.{what}"
        assert sorted(found) == list(range(self.last_seq + 1, self.last_seq + len(found) + 1)), "a gap"
        self.last_seq += len(found)
        return [(found[seq], seq) for seq in sorted(found)]

    def _pushes(self, frames: list[Frame], answers: list[Json]) -> Counter[tuple[str, object]]:
        """What the acks say that the others see pass by."""
        acks = {answer["id"]: answer["result"] for answer in answers if answer["type"] == "ack"}
        commands = {id_of(frame.data): json.loads(frame.data) for frame in frames if id_of(frame.data) in acks}
        found: Counter[tuple[str, object]] = Counter()
        for command_id, result in acks.items():
            command = commands[command_id]
            if command["type"] == "typing.set" and command["room_id"].lower() == self.room_id:
                found["typing", command["typing"]] += 1
            elif command["type"] == "read.mark" and result["read_seq"] > self.read_seq:
                self.read_seq = result["read_seq"]
                found["read", self.read_seq] += 1
        return found


async def meet(person: MakePerson, make_room: MakeRoom) -> tuple[Person, Fuzz]:
    """Let two people meet in a room; a third has one that neither knows."""
    ada, bob, eve = await person(), await person(), await person()
    room = await make_room(ada, bob)
    hidden = await make_room(eve, visibility="private")
    own = await ada.http.get(f"/v1/rooms/{room['id']}")
    places = Places([room["id"]] * 6 + [hidden["id"]], room["epoch"], tokens=[ada.access_token, eve.access_token])
    fuzz = Fuzz(
        sender=await ada.connect(),
        observer=await bob.connect(),
        room_id=room["id"],
        places=places,
        last_seq=own.json()["last_seq"],
        read_seq=own.json()["me"]["read_seq"],
        codes=Counter(),
    )
    return ada, fuzz


async def fuzz_frames(server: ServerProcess, person: MakePerson, make_room: MakeRoom, *, seed: int, count: int) -> None:
    """Send so many frames of all kinds."""
    ada, fuzz = await meet(person, make_room)
    dice = random.Random(seed)
    maker = FrameMaker(dice, fuzz.places)
    for _ in range(-(-count // BATCH)):
        await fuzz.send([maker.frame() for _ in range(BATCH)])
        # The newest ones are the ones to do something with.
        del fuzz.places.messages[:-20]
    assert (await ada.http.get(f"/v1/rooms/{fuzz.room_id}")).json()["last_seq"] == fuzz.last_seq
    assert {"ack", *INVALID, "not_found", "invalid_token", "resync_required"} <= fuzz.codes.keys(), fuzz.codes
    assert [record for record in server.logs() if record["level"] == "error"] == []


async def test_every_frame_has_one_answer_and_an_invalid_one_no_effect(
    server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    await fuzz_frames(server, person, make_room, seed=1, count=1_200)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2, 7))
async def test_ten_thousand_frames(server: ServerProcess, person: MakePerson, make_room: MakeRoom, seed: int) -> None:
    await fuzz_frames(server, person, make_room, seed=seed, count=10_000)


async def test_invalid_frames_alone_close_the_connection_at_the_twentieth(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, fuzz = await meet(person, make_room)
    maker = FrameMaker(random.Random(7), fuzz.places)
    for _ in range(10):
        socket = await ada.connect()
        for _ in range(25):
            await socket.send_raw(maker.invalid().data)
        assert await socket.closed() == (4501, "too_many_errors")
        assert [frame["type"] for frame in socket.inbox] == ["error"] * 20
        assert {frame["code"] for frame in socket.inbox} <= INVALID
    await fuzz.observer.ok("ping")
    assert [frame for frame in fuzz.observer.heard[1:] if frame["type"] not in {"ack", "heartbeat"}] == []
    assert (await ada.http.get(f"/v1/rooms/{fuzz.room_id}")).json()["last_seq"] == fuzz.last_seq


async def test_bytes_that_are_no_utf8_and_frames_too_large_close_the_connection(
    server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada, fuzz = await meet(person, make_room)
    dice = random.Random(8)
    command = {"type": "message.send", "id": "a", "room_id": fuzz.room_id, "body": f"{CANARY} x"}
    text = json.dumps(command).encode()
    for number in range(20):
        at = dice.randrange(len(text))
        broken = text[:at] + dice.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"]) + text[at:]
        large = json.dumps(command | {"body": "x" * (FRAME_BYTES + dice.randrange(1_000))}).encode()
        socket = await RawSocket.open(server, ada.access_token)
        await socket.send_frame(Opcode.TEXT, broken if number % 2 else large)
        assert (await socket.closed())[0] == (1007 if number % 2 else 1009)
        socket.close()
    await fuzz.observer.ok("ping")
    assert [frame for frame in fuzz.observer.heard[1:] if frame["type"] not in {"ack", "heartbeat"}] == []

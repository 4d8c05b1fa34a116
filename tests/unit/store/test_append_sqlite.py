"""Messages into the log: their numbers, their keys, and who may write them."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio

from api.domain.errors import ErrorCode
from api.domain.events import EventType
from api.domain.models import User, Visibility
from api.store.append_sqlite import body_hash
from api.store.base import Append
from api.store.snapshot import Unit
from api.store.sqlite import open_sqlite_store
from tests.unit.store.scene import Scene, add, new_id, open_scene, outcome

CONFLICT = ErrorCode.IDEMPOTENCY_CONFLICT


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


async def change(scene: Scene, append: Append, event_type: EventType, body: str) -> None:
    """Edit or delete a message."""

    def job(unit: Unit) -> None:
        message = unit.log.message(append.message_id)
        assert message is not None
        changed_at_ms = unit.now_ms
        if event_type is EventType.MESSAGE_EDITED:
            changed = replace(message, body=body, edited_at_ms=changed_at_ms)
        else:
            changed = replace(message, body=body, deleted_at_ms=changed_at_ms)
        unit.change_message(changed, event_type, append.author.ref)

    await scene.store.write(job)


def banned(unit: Unit, room_id: str, user: User) -> None:
    unit.members.remove(room_id, user.id)
    unit.members.ban(room_id, user.id, user.id, reason="", now_ms=unit.now_ms)
    unit.append(room_id, EventType.MEMBER_BANNED, user.ref, user=user.ref)


async def test_each_room_counts_for_itself_in_one_batch(scene: Scene) -> None:
    ada = await scene.user("ada")
    rooms = [await scene.room(ada, name=name) for name in ("tea", "coffee")]
    async with scene.one_batch():
        appends = [scene.submit(ada, rooms[number % 2]) for number in range(6)]
    await scene.hears(8)
    assert [outcome(append) for append in appends] == [2, 2, 3, 3, 4, 4]
    for room in rooms:
        assert [event.seq for event in await scene.log(room)] == [1, 2, 3, 4]


async def test_a_message_is_read_back_as_it_was_acknowledged(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    scene.clock.advance(5)
    append = await scene.send(ada, room, "hello \N{SNOWMAN}\n", key="k")
    message = append.message
    assert message is not None
    assert (message.id, message.seq, message.revision, message.author) == (append.message_id, 2, 2, ada.ref)
    assert (message.body, message.idempotency_key) == ("hello \N{SNOWMAN}\n", "k")
    assert (message.created_at_ms, message.edited_at_ms, message.deleted_at_ms) == (scene.clock.now_ms, None, None)
    assert await scene.store.read(lambda rows: rows.log.message(append.message_id)) == message


async def test_the_author_is_named_as_he_is_now(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    await scene.store.write(lambda unit: unit.users.set_display_name(ada.id, "Countess"))
    append = await scene.send(ada, room)
    assert append.message is not None
    assert append.message.author.display_name == "Countess"


async def test_refusals_take_no_number(scene: Scene) -> None:
    ada, stranger = await scene.user("ada"), await scene.user("stranger")
    room = await scene.room(ada)
    async with scene.one_batch():
        appends = [scene.submit(author, room) for author in (ada, stranger, ada)]
    await scene.hears(4)
    assert [outcome(append) for append in appends] == [2, ErrorCode.FORBIDDEN, 3]


class TestKeys:
    async def test_a_repeat_gives_the_first_message(self, scene: Scene) -> None:
        ada = await scene.user("ada")
        room = await scene.room(ada)
        first = await scene.send(ada, room, "hello", key="k")
        scene.clock.advance(60)
        again = await scene.send(ada, room, "hello", key="k")
        assert again.message == first.message
        assert (first.duplicate, again.duplicate) == (False, True)
        assert len(await scene.log(room)) == 2

    async def test_within_one_batch_as_well(self, scene: Scene) -> None:
        ada = await scene.user("ada")
        room = await scene.room(ada)
        async with scene.one_batch():
            appends = [scene.submit(ada, room, "hello", key="k") for _ in range(3)]
            conflict = scene.submit(ada, room, "something else", key="k")
            other = scene.submit(ada, room, "hello", key="another")
        await scene.hears(6)
        assert [(outcome(append), append.duplicate) for append in appends] == [(2, False), (2, True), (2, True)]
        assert [outcome(conflict), outcome(other)] == [CONFLICT, 3]

    async def test_another_body_or_another_room_is_a_conflict(self, scene: Scene) -> None:
        ada = await scene.user("ada")
        tea, coffee = await scene.room(ada, name="tea"), await scene.room(ada, name="coffee")
        await scene.send(ada, tea, "hello", key="k")
        assert outcome(await scene.send(ada, tea, "hello!", key="k")) is CONFLICT
        assert outcome(await scene.send(ada, coffee, "hello", key="k")) is CONFLICT
        assert len(await scene.log(coffee)) == 1

    async def test_a_key_is_its_users_own_and_tells_case(self, scene: Scene) -> None:
        ada, bob = await scene.user("ada"), await scene.user("bob")
        room = await scene.room(ada, bob)
        sent = [
            await scene.send(author, room, "hello", key=key) for author, key in ((ada, "k"), (bob, "k"), (ada, "K"))
        ]
        assert [(outcome(append), append.duplicate) for append in sent] == [(3, False), (4, False), (5, False)]

    async def test_an_edited_message_is_known_by_its_first_body(self, scene: Scene) -> None:
        ada = await scene.user("ada")
        room = await scene.room(ada)
        first = await scene.send(ada, room, "hello", key="k")
        await change(scene, first, EventType.MESSAGE_EDITED, "goodbye")
        again = await scene.send(ada, room, "hello", key="k")
        assert again.duplicate
        assert again.message is not None
        assert (again.message.body, again.message.seq, again.message.revision) == ("goodbye", 2, 3)
        assert (again.message.edited_at_ms, again.message.deleted_at_ms) == (scene.clock.now_ms, None)
        assert outcome(await scene.send(ada, room, "goodbye", key="k")) is CONFLICT

    async def test_a_deleted_message_is_still_known_and_stays_deleted(self, scene: Scene) -> None:
        ada = await scene.user("ada")
        room = await scene.room(ada)
        first = await scene.send(ada, room, "hello", key="k")
        await change(scene, first, EventType.MESSAGE_DELETED, "")
        again = await scene.send(ada, room, "hello", key="k")
        assert again.duplicate
        assert again.message is not None
        assert (again.message.id, again.message.body) == (first.message_id, "")
        assert again.message.deleted_at_ms is not None
        assert outcome(await scene.send(ada, room, "", key="k")) is CONFLICT

    async def test_it_is_looked_at_before_membership(self, scene: Scene) -> None:
        ada, bob = await scene.user("ada"), await scene.user("bob")
        room = await scene.room(ada, bob)
        await scene.send(bob, room, "hello", key="k")
        await scene.store.write(lambda unit: banned(unit, room, bob))
        assert (await scene.send(bob, room, "hello", key="k")).duplicate
        assert outcome(await scene.send(bob, room, "hello", key="new")) is ErrorCode.BANNED
        await scene.store.write(lambda unit: unit.rooms.mark_deleted(room, unit.now_ms))
        assert (await scene.send(bob, room, "hello", key="k")).duplicate
        assert outcome(await scene.send(ada, room, "hello", key="new")) is ErrorCode.NOT_FOUND

    def test_equal_bodies_have_unequal_hashes(self) -> None:
        one, other = new_id(), new_id()
        assert body_hash(one, "hello") == body_hash(one, "hello")
        assert body_hash(one, "hello") != body_hash(other, "hello")


class TestMembership:
    async def test_a_batch_sees_every_change_before_each_message_and_none_behind_it(self, scene: Scene) -> None:
        ada, bob = await scene.user("ada"), await scene.user("bob")
        room = await scene.room(ada)
        async with scene.one_batch():
            too_early = scene.submit(bob, room)
            joining = await scene.begin(lambda unit: add(unit, room, bob))
            in_time = scene.submit(bob, room)
            banning = await scene.begin(lambda unit: banned(unit, room, bob))
            too_late = scene.submit(bob, room)
        await asyncio.gather(joining, banning)
        found = [outcome(append) for append in (too_early, in_time, too_late)]
        assert found == [ErrorCode.FORBIDDEN, 3, ErrorCode.BANNED]
        assert [event.type for event in await scene.log(room)] == [
            EventType.ROOM_CREATED,
            EventType.MEMBER_JOINED,
            EventType.MESSAGE_CREATED,
            EventType.MEMBER_BANNED,
        ]

    async def test_who_may_not_write_hears_why(self, scene: Scene) -> None:
        ada, bob, admin = await scene.user("ada"), await scene.user("bob"), await scene.user("root", is_admin=True)
        public = await scene.room(ada)
        private = await scene.room(ada, visibility=Visibility.PRIVATE)
        gone = await scene.room(ada, name="gone")
        await scene.store.write(lambda unit: unit.rooms.mark_deleted(gone, unit.now_ms))
        assert outcome(await scene.send(bob, public)) is ErrorCode.FORBIDDEN
        await scene.store.write(lambda unit: unit.members.ban(public, bob.id, ada.id, reason="", now_ms=0))
        assert outcome(await scene.send(bob, public)) is ErrorCode.BANNED
        await scene.store.write(lambda unit: unit.members.ban(private, bob.id, ada.id, reason="", now_ms=0))
        for author, room in (
            (bob, private),
            (bob, gone),
            (ada, gone),
            (ada, new_id()),
            (admin, private),
            (admin, gone),
        ):
            assert outcome(await scene.send(author, room)) is ErrorCode.NOT_FOUND
        assert outcome(await scene.send(admin, public)) == 2

    async def test_five_hundred_authors_fit_into_one_batch(self, scene: Scene) -> None:
        ada = await scene.user("ada")
        people = [User(new_id(), f"user{number}", "", ada.role, 0) for number in range(499)]

        def job(unit: Unit) -> None:
            for user in people:
                unit.users.insert(user, None)

        await scene.store.write(job)
        room = await scene.room(ada, *people)
        scene.heard.clear()
        async with scene.one_batch():
            appends = [scene.submit(author, room) for author in (ada, *people)]
        await scene.hears(500)
        assert [outcome(append) for append in appends] == list(range(501, 1001))


async def test_deleted_text_is_overwritten_in_the_file(scene: Scene, tmp_path: Path) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    append = await scene.send(ada, room, "a secret word: xyzzy", key="k")
    await scene.send(ada, room, "an open word: plugh")
    await change(scene, append, EventType.MESSAGE_DELETED, "")

    def into_the_file() -> bytes:
        scene.store._writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    await scene.store._writer.stop()
    stored = into_the_file()
    assert b"plugh" in stored
    assert b"xyzzy" not in stored


async def test_two_writers_on_one_file_never_give_a_number_twice(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    url = scene.store._reading.url.render_as_string()
    async with open_sqlite_store(url, observe_commit=lambda _s: None, clock_ms=scene.clock) as other:
        appends = []
        for number in range(120):
            append = Append(new_id(), room, ada, f"message {number}", f"k{number // 2}" if number % 4 < 2 else None)
            (scene.store if number % 2 else other).submit(append)
            appends.append(append)
            if number % 8 == 0:
                await asyncio.gather(scene.store.write(_nothing), other.write(_nothing))
        await asyncio.gather(scene.store.write(_nothing), other.write(_nothing))
    events = await scene.log(room)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    sent = [append for append in appends if append.message is not None and not append.duplicate]
    assert Counter(outcome(append) for append in sent) == Counter(range(2, len(events) + 1))
    conflicts = [append for append in appends if append.message is None]
    assert {outcome(append) for append in conflicts} == {CONFLICT}, "one key, two bodies: one of two is refused"
    assert len(conflicts) == 30


async def test_two_processes_on_one_file_make_one_log(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    url = scene.store._reading.url.render_as_string()
    count = 60
    senders = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.unit.store.sender", url, room, ada.id, str(count)),
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    printed = [(await sender.communicate())[0].decode().split() for sender in senders]
    assert [sender.returncode for sender in senders] == [0, 0]
    seqs = [int(seq) for lines in printed for seq in lines]
    made = [seq for seq in seqs if seq > 0]
    assert len(made) == count + count // 2, "of two with one key one is the repeat"
    assert sorted(made) == list(range(2, len(made) + 2))
    assert {-seq for seq in seqs if seq < 0} <= set(made)
    assert [event.seq for event in await scene.log(room)] == list(range(1, len(made) + 2))


def _nothing(_unit: Unit) -> None:
    pass

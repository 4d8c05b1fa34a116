"""Messages: who changes them, how they are read back, and who hears of typing and reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from api.domain.errors import ChatError, ErrorCode
from api.domain.models import Message, User, UserRole
from api.protocol.codec import encode
from api.protocol.frames import event_object, message_object
from api.services.messages import PAGE_BYTES_MAX
from api.store.snapshot import Unit
from tests.unit.broadcast.connections import Frame, RecordingConnection
from tests.unit.services.town import PEOPLE, Town, open_town
from tests.unit.store.scene import add, new_id


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path) as opened:
        yield opened


async def post(town: Town, name: str, body: str = "hello", *, room: str = "public", key: str | None = None) -> Message:
    message, _is_duplicate = await town.messages.post(town[name], town.room(room), body, key)
    return message


class TestPosting:
    async def test_the_answer_is_the_message(self, town: Town) -> None:
        message, is_duplicate = await town.messages.post(town["member"], town.public, "hello", "k")
        assert (message.body, message.author, message.idempotency_key, is_duplicate) == (
            *("hello", town["member"].ref, "k"),
            False,
        )
        assert await town.messages.post(town["member"], town.public, "hello", "k") == (message, True)

    @pytest.mark.parametrize(
        ("room", "outcomes"),
        [
            ("public", ["ok", "ok", "ok", "forbidden", "banned", "ok"]),
            ("private", ["ok", "ok", "ok", "not_found", "not_found", "not_found"]),
            ("general", ["ok", "ok", "ok", "ok", "banned", "ok"]),
        ],
    )
    async def test_who_may(self, town: Town, room: str, outcomes: list[str]) -> None:
        assert [await town.outcome(post(town, name, room=room)) for name in PEOPLE] == outcomes

    async def test_who_stops_waiting_has_sent_all_the_same(self, town: Town) -> None:
        seq = await town.last_seq(town.public)
        async with town.scene.one_batch():
            posting = asyncio.ensure_future(post(town, "member"))
            await asyncio.sleep(0)
            posting.cancel()
        await town.scene.store.write(lambda _unit: None)
        assert await town.types(town.public, seq) == ["message.created"]
        assert not town.manager._origins


class TestChanging:
    @pytest.mark.parametrize(
        ("author", "outcomes"),
        [
            ("member", ["forbidden", "forbidden", "ok", "forbidden", "banned", "forbidden"]),
            ("owner", ["ok", "forbidden", "forbidden", "forbidden", "banned", "forbidden"]),
        ],
    )
    async def test_only_the_author_edits(self, town: Town, author: str, outcomes: list[str]) -> None:
        message = await post(town, author)
        edits = [town.messages.edit(town[name], message.id, f"by {name}") for name in PEOPLE]
        assert [await town.outcome(edit) for edit in edits] == outcomes

    async def test_the_author_or_who_moderates_deletes(self, town: Town) -> None:
        found: dict[str, list[str]] = {}
        for author in ("owner", "moderator", "member"):
            found[author] = []
            for name in PEOPLE:
                message = await post(town, author)
                found[author].append(await town.outcome(town.messages.delete(town[name], message.id)))
        assert found == {
            "owner": ["ok", "ok", "forbidden", "forbidden", "banned", "ok"],
            "moderator": ["ok", "ok", "forbidden", "forbidden", "banned", "ok"],
            "member": ["ok", "ok", "ok", "forbidden", "banned", "ok"],
        }

    async def test_an_author_who_is_no_member_any_more_changes_nothing(self, town: Town) -> None:
        message = await post(town, "member")
        await town.outcome(town.members.remove(town["member"], town.public, town["member"].id))
        assert await town.outcome(town.messages.edit(town["member"], message.id, "x")) == "forbidden"
        assert await town.outcome(town.messages.delete(town["member"], message.id)) == "forbidden"
        await town.outcome(town.members.ban(town["owner"], town.public, town["member"].id, reason=""))
        assert await town.outcome(town.messages.edit(town["member"], message.id, "x")) == "banned"

    async def test_of_a_private_room_outsiders_learn_nothing(self, town: Town) -> None:
        message = await post(town, "member", room="private")
        for name in ("stranger", "banned", "admin"):
            assert await town.outcome(town.messages.edit(town[name], message.id, "x")) == "not_found"
            assert await town.outcome(town.messages.delete(town[name], message.id)) == "not_found"

    async def test_an_edit_raises_the_revision_and_the_same_body_does_nothing(self, town: Town) -> None:
        message = await post(town, "member")
        town.scene.clock.advance(1)
        edited = await town.messages.edit(town["member"], message.id, "goodbye")
        assert (edited.seq, edited.revision, edited.body) == (message.seq, message.seq + 1, "goodbye")
        assert (edited.created_at_ms, edited.edited_at_ms) == (message.created_at_ms, town.scene.clock.now_ms)
        town.scene.clock.advance(1)
        assert await town.messages.edit(town["member"], message.id, "goodbye") == edited
        assert await town.last_seq(town.public) == edited.revision

    async def test_a_deleted_message_keeps_its_place_and_is_deleted_once(self, town: Town) -> None:
        message = await post(town, "member", "a secret")
        deleted = await town.messages.delete(town["member"], message.id)
        assert (deleted.seq, deleted.revision, deleted.body) == (message.seq, message.seq + 1, "")
        assert deleted.deleted_at_ms == town.scene.clock.now_ms
        assert await town.messages.delete(town["owner"], message.id) == deleted
        assert await town.outcome(town.messages.edit(town["member"], message.id, "back")) == "not_found"
        assert await town.last_seq(town.public) == deleted.revision

    async def test_what_is_not_there_cannot_be_changed(self, town: Town) -> None:
        message = await post(town, "member")
        await town.outcome(town.rooms.delete(town["owner"], town.public))
        for message_id in (new_id(), message.id):
            assert await town.outcome(town.messages.edit(town["member"], message_id, "x")) == "not_found"
            assert await town.outcome(town.messages.delete(town["member"], message_id)) == "not_found"


class TestReading:
    async def test_pages_of_messages_go_both_ways_and_tell_whether_there_is_more(self, town: Town) -> None:
        seqs = [(await post(town, "member", f"{number}")).seq for number in range(5)]

        async def page(before: int | None, after: int | None, limit: int) -> tuple[list[int], bool]:
            found = await town.messages.page(
                town["member"], town.public, before_seq=before, after_seq=after, limit=limit
            )
            return [message.seq for message in found.items], found.has_more

        assert await page(None, None, 2) == (seqs[3:], True)
        assert await page(None, None, 5) == (seqs, False)
        assert await page(seqs[3], None, 2) == (seqs[1:3], True)
        assert await page(seqs[1], None, 2) == (seqs[:1], False)
        assert await page(None, seqs[1], 2) == (seqs[2:4], True)
        assert await page(None, seqs[2], 2) == (seqs[3:], False)
        assert await page(seqs[0], None, 2) == ([], False)

    async def test_events_are_paged_upwards_and_say_where_the_log_ends(self, town: Town) -> None:
        for number in range(4):
            await post(town, "member", f"{number}")
        seen: list[int] = []
        has_more = True
        while has_more:
            found = await town.messages.events(
                town["member"], town.public, after_seq=seen[-1] if seen else 0, epoch="e1", limit=3
            )
            seen += [event.seq for event in found.items]
            has_more = found.has_more
            assert (found.last_seq, found.epoch) == (7, "e1")
        assert seen == list(range(1, 8))

    async def test_a_page_ends_early_once_it_is_256_kib_and_never_before_one_item(self, town: Town) -> None:
        body = "\N{GRINNING FACE}" * 4000
        for _ in range(40):
            town.scene.submit(town["member"], town.public, body)
        await town.scene.store.write(lambda _unit: None)
        newest = await town.messages.page(town["member"], town.public, before_seq=None, after_seq=None, limit=200)
        sizes = [len(encode(message_object(message))) for message in newest.items]
        assert newest.has_more
        assert sum(sizes[1:]) < PAGE_BYTES_MAX <= sum(sizes)
        assert newest.items[-1].seq == await town.last_seq(town.public)
        events = await town.messages.events(town["member"], town.public, after_seq=3, epoch=None, limit=200)
        event_sizes = [len(encode(event_object(event))) for event in events.items]
        assert events.has_more
        assert sum(event_sizes[:-1]) < PAGE_BYTES_MAX <= sum(event_sizes)
        assert all(later.seq == earlier.seq + 1 for earlier, later in pairwise(events.items))

    async def test_another_history_says_so(self, town: Town) -> None:
        for after_seq, epoch in ((0, "another"), (4, "e1"), (4, None)):
            with pytest.raises(ChatError) as refused:
                await town.messages.events(town["member"], town.public, after_seq=after_seq, epoch=epoch, limit=5)
            assert refused.value.code is ErrorCode.RESYNC_REQUIRED
        found = await town.messages.events(town["member"], town.public, after_seq=3, epoch="e1", limit=5)
        assert (list(found.items), found.has_more) == ([], False)

    @pytest.mark.parametrize(
        ("room", "outcomes"),
        [
            ("public", ["ok", "ok", "ok", "forbidden", "banned", "ok"]),
            ("private", ["ok", "ok", "ok", "not_found", "not_found", "not_found"]),
        ],
    )
    async def test_who_may(self, town: Town, room: str, outcomes: list[str]) -> None:
        room_id = town.room(room)
        pages = [town.messages.page(town[name], room_id, before_seq=None, after_seq=None, limit=5) for name in PEOPLE]
        assert [await town.outcome(page) for page in pages] == outcomes
        logs = [town.messages.events(town[name], room_id, after_seq=0, epoch=None, limit=5) for name in PEOPLE]
        assert [await town.outcome(log) for log in logs] == outcomes


class TestMarks:
    async def test_a_mark_goes_up_never_back_and_never_above_the_log(self, town: Town) -> None:
        seqs = [(await post(town, "owner")).seq for _ in range(3)]
        marks = [await town.messages.mark_read(town["member"], town.public, seq, None) for seq in (seqs[1], 0, seqs[2])]
        assert marks == [seqs[1], seqs[1], seqs[2]]
        outcome = await town.outcome(town.messages.mark_read(town["member"], town.public, seqs[2] + 1, None))
        assert outcome == "validation_error"

    async def test_only_who_is_in_the_room_has_one(self, town: Town) -> None:
        outcomes = [await town.outcome(town.messages.mark_read(town[name], town.public, 1, None)) for name in PEOPLE]
        assert outcomes == ["ok", "ok", "ok", "forbidden", "banned", "forbidden"]

    async def test_the_own_other_connections_and_the_others_hear_of_it_once(self, town: Town) -> None:
        await post(town, "owner")
        mine, other, owners, strangers = [
            await town.connect(name) for name in ("member", "member", "owner", "stranger")
        ]
        for _ in range(2):
            await town.messages.mark_read(town["member"], town.public, 4, mine)
        assert await pushes(mine) == []
        assert await pushes(strangers) == []
        for connection in (other, owners):
            (push,) = await pushes(connection)
            assert (push["type"], push["user"]["username"], push["read_seq"]) == ("read", "member", 4)

    async def test_in_a_large_room_only_the_own_other_connections_hear_of_it(self, town: Town) -> None:
        await crowd(town, 98)
        mine, other, owners = [await town.connect(name) for name in ("member", "member", "owner")]
        await town.messages.mark_read(town["member"], town.public, 4, mine)
        assert [len(await pushes(one)) for one in (mine, other, owners)] == [0, 1, 0]


class TestTyping:
    async def test_the_others_see_it_and_the_typist_does_not(self, town: Town) -> None:
        mine, other, owners, strangers = [
            await town.connect(name) for name in ("member", "member", "owner", "stranger")
        ]
        await town.messages.set_typing(town["member"], town.public, mine, is_typing=True)
        assert [len(await pushes(one)) for one in (mine, other, owners, strangers)] == [0, 0, 1, 0]
        assert (await pushes(owners))[0]["typing"] is True

    @pytest.mark.parametrize(("more", "heard"), [(97, 1), (98, 0)])
    async def test_in_rooms_of_at_most_a_hundred(self, town: Town, more: int, heard: int) -> None:
        await crowd(town, more)
        mine, owners = [await town.connect(name) for name in ("member", "owner")]
        await town.messages.set_typing(town["member"], town.public, mine, is_typing=True)
        assert len(await pushes(owners)) == heard

    async def test_a_room_that_shrinks_is_small_again(self, town: Town) -> None:
        people = await crowd(town, 98)
        mine, owners = [await town.connect(name) for name in ("member", "owner")]
        await town.outcome(town.members.remove(town["owner"], town.public, people[0].id))
        await town.messages.set_typing(town["member"], town.public, mine, is_typing=True)
        assert [push["type"] for push in await pushes(owners)] == ["member.removed", "typing"]

    async def test_only_who_may_write_may_be_seen_typing(self, town: Town) -> None:
        connections = [await town.connect(name) for name in PEOPLE]
        outcomes = [
            await town.outcome(town.messages.set_typing(one.user, town.public, one, is_typing=True))
            for one in connections
        ]
        assert outcomes == ["ok", "ok", "ok", "forbidden", "banned", "ok"]


async def pushes(connection: RecordingConnection) -> list[Frame]:
    """List what came behind `welcome`."""
    await asyncio.sleep(0)
    return connection.frames[1:]


async def crowd(town: Town, count: int) -> list[User]:
    """Let so many more into the public room."""
    people = [User(new_id(), f"extra{number}", "", UserRole.USER, 0) for number in range(count)]

    def job(unit: Unit) -> None:
        for user in people:
            unit.users.insert(user, None)
            add(unit, town.public, user)

    await town.scene.store.write(job)
    return people

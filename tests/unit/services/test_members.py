"""Members, roles and bans: the contract's paragraph *Roles*, rule by rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.domain.events import EventType
from api.domain.models import Role, RoomInfo, UserStatus, Visibility
from api.store.snapshot import Unit
from tests.unit.services.moves import ban, made, put, remove, role
from tests.unit.services.town import PEOPLE, ROOMS_MAX, Town, open_town
from tests.unit.store.scene import add, new_id

OWNER, MODERATOR, MEMBER = Role.OWNER, Role.MODERATOR, Role.MEMBER


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path) as opened:
        yield opened


class TestJoining:
    @pytest.mark.parametrize(
        ("room", "name", "outcome"),
        [
            ("public", "stranger", "ok"),
            ("public", "banned", "banned"),
            ("public", "admin", "ok"),
            ("private", "stranger", "not_found"),
            ("private", "banned", "not_found"),
            ("private", "admin", "not_found"),
        ],
    )
    async def test_oneself(self, town: Town, room: str, name: str, outcome: str) -> None:
        seq = await town.last_seq(town.room(room))
        assert await put(town, name, name, room=room) == outcome
        assert await made(town, seq, room=room) == ([("member.joined", name, name)] if outcome == "ok" else [])
        assert await role(town, name, room=room) == ("member" if outcome == "ok" else "-")

    async def test_the_read_mark_begins_at_the_end_of_the_log(self, town: Town) -> None:
        await put(town, "stranger", "stranger")
        room = await town.rooms.find(town["stranger"], town.public)
        assert room.me is not None
        assert (room.me.read_seq, room.me.unread_count) == (room.last_seq, 0)

    @pytest.mark.parametrize("name", ["stranger", "banned"])
    @pytest.mark.parametrize("wanted", [MODERATOR, OWNER])
    async def test_nobody_joins_as_more_than_a_member(self, town: Town, name: str, wanted: Role) -> None:
        assert await put(town, name, name, wanted) in {"forbidden", "banned"}

    async def test_joining_again_changes_nothing(self, town: Town) -> None:
        seq = await town.last_seq(town.public)
        for name in ("owner", "moderator", "member"):
            assert await put(town, name, name) == "ok"
            assert await role(town, name) == name
        assert await made(town, seq) == []
        assert town.logs == []

    @pytest.mark.parametrize(
        ("actor", "wanted", "outcome"),
        [
            ("owner", None, "ok"),
            ("owner", MEMBER, "ok"),
            ("owner", MODERATOR, "ok"),
            ("owner", OWNER, "ok"),
            ("moderator", None, "ok"),
            ("moderator", MEMBER, "ok"),
            ("moderator", MODERATOR, "forbidden"),
            ("moderator", OWNER, "forbidden"),
            ("member", None, "forbidden"),
            ("admin", OWNER, "ok"),
            ("banned", None, "banned"),
        ],
    )
    async def test_adding_somebody(self, town: Town, actor: str, wanted: Role | None, outcome: str) -> None:
        assert await put(town, actor, "stranger", wanted) == outcome
        assert await role(town, "stranger") == ((wanted or MEMBER).value if outcome == "ok" else "-")

    async def test_whom_nobody_can_add(self, town: Town) -> None:
        assert await put(town, "owner", "banned") == "banned"
        assert await town.outcome(town.members.put(town["owner"], town.public, new_id(), None)) == "not_found"
        await town.scene.store.write(lambda unit: unit.users.mark_deleted(town["stranger"].id))
        assert await put(town, "owner", "stranger") == "not_found"

    async def test_a_suspended_user_may_be_added(self, town: Town) -> None:
        await town.scene.store.write(lambda unit: unit.users.set_status(town["stranger"].id, UserStatus.SUSPENDED))
        assert await put(town, "owner", "stranger") == "ok"

    async def test_who_left_a_public_room_comes_back_only_by_himself(self, town: Town) -> None:
        assert await remove(town, "member", "member") == "ok"
        assert await put(town, "owner", "member") == "forbidden"
        assert await put(town, "admin", "member") == "forbidden"
        assert await put(town, "member", "member") == "ok"
        assert await remove(town, "owner", "member") == "ok"
        assert await put(town, "owner", "member") == "ok", "he was removed, and did not leave"

    async def test_who_left_a_private_room_may_be_added_again(self, town: Town) -> None:
        assert await remove(town, "member", "member", room="private") == "ok"
        assert await put(town, "member", "member", room="private") == "not_found"
        assert await put(town, "moderator", "member", room="private") == "ok"

    async def test_a_user_is_in_so_many_rooms_at_most(self, town: Town) -> None:
        def fill(unit: Unit) -> None:
            for number in range(ROOMS_MAX - unit.members.room_count(town["stranger"].id)):
                room = RoomInfo(new_id(), f"room {number}", "", Visibility.PRIVATE)
                unit.rooms.insert(room, epoch="e", now_ms=0)
                unit.append(room.id, EventType.ROOM_CREATED, None, room=room)
                add(unit, room.id, town["stranger"])

        await town.scene.store.write(fill)
        assert await put(town, "stranger", "stranger") == "too_many_rooms"
        assert await put(town, "owner", "stranger") == "too_many_rooms"
        await town.scene.store.write(lambda unit: unit.members.remove(town.general, town["stranger"].id))
        assert await put(town, "stranger", "stranger") == "ok"


class TestRoles:
    @pytest.mark.parametrize(
        ("actor", "name", "wanted", "outcome"),
        [
            ("owner", "member", MODERATOR, "ok"),
            ("owner", "moderator", OWNER, "ok"),
            ("owner", "owner", MEMBER, "last_owner"),
            ("moderator", "member", MODERATOR, "forbidden"),
            ("moderator", "moderator", OWNER, "forbidden"),
            ("moderator", "moderator", MEMBER, "ok"),
            ("moderator", "owner", MEMBER, "forbidden"),
            ("member", "member", MODERATOR, "forbidden"),
            ("member", "moderator", MEMBER, "forbidden"),
            ("stranger", "member", MODERATOR, "forbidden"),
            ("banned", "member", MODERATOR, "banned"),
            ("admin", "member", OWNER, "ok"),
            ("admin", "owner", MEMBER, "last_owner"),
        ],
    )
    async def test_changing_one(self, town: Town, actor: str, name: str, wanted: Role, outcome: str) -> None:
        seq = await town.last_seq(town.public)
        assert await put(town, actor, name, wanted) == outcome
        assert await made(town, seq) == ([("member.role_changed", actor, name)] if outcome == "ok" else [])
        assert await role(town, name) == (wanted.value if outcome == "ok" else name)

    @pytest.mark.parametrize(
        ("actor", "outcome"), [("owner", "ok"), ("moderator", "ok"), ("member", "forbidden"), ("stranger", "forbidden")]
    )
    async def test_asking_for_what_is_so_makes_no_event(self, town: Town, actor: str, outcome: str) -> None:
        seq = await town.last_seq(town.public)
        for wanted in (None, MODERATOR):
            assert await put(town, actor, "moderator", wanted) == ("ok" if actor == "moderator" else outcome)
        assert await made(town, seq) == []

    async def test_of_two_owners_either_may_step_down_or_be_stepped_down_but_not_both(self, town: Town) -> None:
        assert await put(town, "owner", "moderator", OWNER) == "ok"
        assert await put(town, "moderator", "owner", MEMBER) == "ok"
        assert await put(town, "moderator", "moderator", MEMBER) == "last_owner"

    @pytest.mark.parametrize("actor", ["admin", "moderator"])
    async def test_the_default_room_gets_no_owner(self, town: Town, actor: str) -> None:
        assert await put(town, actor, "member", OWNER, room="general") == "forbidden"
        assert await put(town, "admin", "member", MODERATOR, room="general") == "ok"


class TestRemoving:
    @pytest.mark.parametrize(
        ("actor", "name", "outcome"),
        [
            ("owner", "moderator", "ok"),
            ("owner", "member", "ok"),
            ("moderator", "member", "ok"),
            ("moderator", "owner", "forbidden"),
            ("member", "moderator", "forbidden"),
            ("stranger", "member", "forbidden"),
            ("banned", "member", "banned"),
            ("admin", "moderator", "ok"),
            ("admin", "owner", "last_owner"),
            ("owner", "stranger", "not_found"),
            ("stranger", "stranger", "not_found"),
        ],
    )
    async def test_somebody(self, town: Town, actor: str, name: str, outcome: str) -> None:
        seq = await town.last_seq(town.public)
        assert await remove(town, actor, name) == outcome
        assert await made(town, seq) == ([("member.removed", actor, name)] if outcome == "ok" else [])
        assert (await role(town, name) == "-") is (outcome == "ok" or name == "stranger")

    @pytest.mark.parametrize(("name", "outcome"), [("owner", "last_owner"), ("moderator", "ok"), ("member", "ok")])
    async def test_oneself(self, town: Town, name: str, outcome: str) -> None:
        seq = await town.last_seq(town.public)
        assert await remove(town, name, name) == outcome
        assert await made(town, seq) == ([("member.left", name, name)] if outcome == "ok" else [])

    async def test_of_equals_only_owners_remove_each_other(self, town: Town) -> None:
        await put(town, "owner", "member", MODERATOR)
        assert await remove(town, "moderator", "member") == "forbidden"
        await put(town, "owner", "member", OWNER)
        assert await remove(town, "member", "owner") == "ok"

    @pytest.mark.parametrize("name", ["member", "moderator", "admin", "stranger"])
    async def test_the_default_room_cannot_be_left(self, town: Town, name: str) -> None:
        assert await remove(town, name, name, room="general") == "forbidden"

    async def test_of_a_private_room_outsiders_learn_nothing(self, town: Town) -> None:
        for actor in ("stranger", "banned", "admin"):
            for name in PEOPLE:
                assert await remove(town, actor, name, room="private") == "not_found"
                assert await ban(town, actor, name, room="private") == "not_found"


async def test_only_members_see_members(town: Town) -> None:
    seen = [await town.outcome(town.members.page(town[name], town.public, after_id=None, limit=9)) for name in PEOPLE]
    assert seen == ["ok", "ok", "ok", "forbidden", "banned", "ok"]


async def test_what_changed_is_logged(town: Town) -> None:
    await put(town, "stranger", "stranger")
    await put(town, "owner", "stranger", MODERATOR)
    await remove(town, "owner", "stranger")
    await ban(town, "owner", "stranger")
    await town.outcome(town.members.unban(town["owner"], town.public, town["stranger"].id))
    await remove(town, "member", "member")
    assert [line["event"] for line in town.logs] == [
        "member.joined",
        "member.role_changed",
        "member.removed",
        "member.banned",
        "member.unbanned",
        "member.left",
    ]

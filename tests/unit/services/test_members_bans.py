"""Bans: who may not be in a room, and who says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.services.moves import ban, made, put, role
from tests.unit.services.town import PEOPLE, Town, open_town
from tests.unit.store.scene import new_id


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path) as opened:
        yield opened


class TestBans:
    @pytest.mark.parametrize(
        ("actor", "name", "outcome"),
        [
            ("owner", "member", "ok"),
            ("owner", "moderator", "ok"),
            ("owner", "stranger", "ok"),
            ("owner", "owner", "forbidden"),
            ("moderator", "member", "ok"),
            ("moderator", "stranger", "ok"),
            ("moderator", "owner", "forbidden"),
            ("member", "stranger", "forbidden"),
            ("stranger", "member", "forbidden"),
            ("admin", "owner", "last_owner"),
            ("admin", "admin", "forbidden"),
        ],
    )
    async def test_somebody(self, town: Town, actor: str, name: str, outcome: str) -> None:
        seq = await town.last_seq(town.public)
        assert await ban(town, actor, name) == outcome
        assert await made(town, seq) == ([("member.banned", actor, name)] if outcome == "ok" else [])
        if outcome == "ok":
            assert await role(town, name) == "-"
            assert await put(town, name, name) == "banned"

    async def test_banning_again_makes_no_event_and_keeps_the_first_reason(self, town: Town) -> None:
        seq = await town.last_seq(town.public)
        await town.members.ban(town["moderator"], town.public, town["banned"].id, reason="another")
        assert await made(town, seq) == []
        (kept,) = await town.members.bans(town["owner"], town.public, after_id=None, limit=9)
        assert (kept.reason, kept.actor) == ("noise", town["owner"].ref)

    async def test_nobody_who_is_not_there_is_banned(self, town: Town) -> None:
        assert await town.outcome(town.members.ban(town["owner"], town.public, new_id(), reason="")) == "not_found"

    @pytest.mark.parametrize(
        ("actor", "outcome"),
        [("owner", "ok"), ("moderator", "ok"), ("admin", "ok"), ("member", "forbidden"), ("banned", "banned")],
    )
    async def test_lifting_one(self, town: Town, actor: str, outcome: str) -> None:
        seq = await town.last_seq(town.public)
        name = town["banned"]
        assert await town.outcome(town.members.unban(town[actor], town.public, name.id)) == outcome
        assert await made(town, seq) == ([("member.unbanned", actor, "banned")] if outcome == "ok" else [])
        assert await put(town, "banned", "banned") == ("ok" if outcome == "ok" else "banned")

    async def test_lifting_what_is_not_there(self, town: Town) -> None:
        seq = await town.last_seq(town.public)
        unban = town.members.unban
        assert await town.outcome(unban(town["owner"], town.public, town["stranger"].id)) == "ok"
        assert await town.outcome(unban(town["owner"], town.public, new_id())) == "not_found"
        assert await made(town, seq) == []

    async def test_only_who_moderates_sees_them(self, town: Town) -> None:
        seen = [
            await town.outcome(town.members.bans(town[name], town.public, after_id=None, limit=9)) for name in PEOPLE
        ]
        assert seen == ["ok", "ok", "forbidden", "forbidden", "banned", "ok"]

"""Everything is opened in one place and closed again, and those who are here are sent away in turns."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from api import resources as module
from api.broadcast.stats import NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.domain.models import User, UserRole, Visibility
from api.protocol.problems import CloseCode
from api.resources import Resources, open_administration, open_resources
from config.settings import Settings
from tests.support.accounts import ADDRESS, PASSWORD, migrated_database
from tests.unit.broadcast.connections import RecordingConnection
from tests.unit.store.scene import new_id

SECRET = "a secret of this test, which guards nothing at all"


def settings_in(folder: Path, **values: Any) -> Settings:  # noqa: ANN401 - as `Settings` takes them
    if not (folder / "chat.db").exists():
        (folder / "chat.db").write_bytes(migrated_database())
    return Settings.load(None, **{"data_dir": folder, "secret_keys": (SECRET,)} | values)


def threads() -> list[str]:
    """Name the threads but those that the event loop keeps for itself."""
    return sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_"))


async def rooms_of(resources: Resources, user: User) -> list[str]:
    return [room.name for room in await resources.rooms.joined(user, after_id=None, limit=10)]


async def sign_up(resources: Resources, username: str) -> User:
    return await resources.accounts.sign_up(username, PASSWORD, None, address=ADDRESS)


async def test_what_is_opened_works_together_and_is_closed_again(tmp_path: Path) -> None:
    before, tasks = threads(), len(asyncio.all_tasks())
    with capture_logs() as lines:
        async with open_resources(settings_in(tmp_path), NodeStats()) as resources:
            ada = await sign_up(resources, "ada")
            pair = await resources.accounts.log_in("ada", PASSWORD, address=ADDRESS, user_agent="test/1")
            assert (await resources.authenticator.authenticate(pair.access_token)).user == ada
            assert await rooms_of(resources, ada) == ["general"]
            message, _ = await resources.messages.post(
                ada, (await resources.rooms.joined(ada, after_id=None, limit=1))[0].id, "hello", None
            )
            assert message.seq == 2
            assert resources.stats.messages == 1
            assert abs(resources.clock_ms() - time.time() * 1000) < 60_000
    assert threads() == before
    assert len(asyncio.all_tasks()) == tasks
    assert lines[-1]["event"] == "node.stats", "the last line tells what was"
    assert lines[-1]["messages"] == 1
    assert not (tmp_path / "secret.key").exists()


async def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    async with open_resources(settings_in(tmp_path), NodeStats()) as resources:
        ada = await sign_up(resources, "ada")
    async with open_resources(settings_in(tmp_path, default_room="another"), NodeStats()) as resources:
        assert await resources.users.get(ada.id) == ada
        assert await rooms_of(resources, ada) == ["general"], "the default room is made once"


async def test_without_a_default_room_a_new_user_is_nowhere(tmp_path: Path) -> None:
    async with open_resources(settings_in(tmp_path, default_room=""), NodeStats()) as resources:
        assert await rooms_of(resources, await sign_up(resources, "ada")) == []


async def test_a_secret_is_made_once_where_none_is_given(tmp_path: Path) -> None:
    async with open_resources(settings_in(tmp_path, secret_keys=()), NodeStats()) as resources:
        await sign_up(resources, "ada")
        pair = await resources.accounts.log_in("ada", PASSWORD, address=ADDRESS, user_agent="")
    async with open_resources(settings_in(tmp_path, secret_keys=()), NodeStats()) as resources:
        assert (await resources.authenticator.authenticate(pair.access_token)).user.username == "ada"
    async with open_resources(settings_in(tmp_path), NodeStats()) as resources:
        with pytest.raises(ChatError) as refused:
            await resources.authenticator.authenticate(pair.access_token)
        assert refused.value.code is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize("is_limited", [True, False])
async def test_the_limits_are_those_of_the_settings(tmp_path: Path, is_limited: bool) -> None:  # noqa: FBT001
    values = {"rate_limits_enabled": is_limited, "rate_limit_signup": "1/hour", "rate_limit_login": "1/hour"}
    async with open_resources(settings_in(tmp_path, **values), NodeStats()) as resources:
        await sign_up(resources, "ada")
        outcomes = []
        for attempt in (
            sign_up(resources, "bob"),
            resources.accounts.log_in("ada", "wrong password", address=ADDRESS, user_agent=""),
            resources.accounts.log_in("ada", "wrong password", address=ADDRESS, user_agent=""),
        ):
            try:
                await attempt
                outcomes.append("ok")
            except ChatError as error:
                outcomes.append(error.code.value)
    limited, unlimited = ["rate_limited", "invalid_credentials", "rate_limited"], ["ok", *["invalid_credentials"] * 2]
    assert outcomes == (limited if is_limited else unlimited)


async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    async with open_resources(settings_in(tmp_path, default_room=""), NodeStats()) as resources:
        ada = await sign_up(resources, "ada")
        await resources.rooms.create(ada, name="General", topic="", visibility=Visibility.PUBLIC)
    before = threads()
    with pytest.raises(ChatError) as refused:
        async with open_resources(settings_in(tmp_path), NodeStats()):
            pytest.fail("opened")
    assert refused.value.code is ErrorCode.ROOM_NAME_TAKEN
    assert threads() == before


async def test_the_command_line_changes_users_beside_a_running_node(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with open_resources(settings, NodeStats()) as resources, open_administration(settings) as administration:
        made = await administration.create("ada", PASSWORD)
        assert await rooms_of(resources, made) == ["general"]
        await administration.suspend("ada")
        with pytest.raises(ChatError) as refused:
            await resources.accounts.log_in("ada", PASSWORD, address=ADDRESS, user_agent="")
        assert refused.value.code is ErrorCode.ACCOUNT_SUSPENDED


async def connect(resources: Resources, count: int) -> list[RecordingConnection]:
    user = User(new_id(), "ada", "Ada", UserRole.USER, 0)
    made = [RecordingConnection(new_id(), user, new_id()) for _ in range(count)]
    for connection in made:
        resources.hub.register(connection)
    return made


async def test_a_few_are_sent_away_at_once(tmp_path: Path) -> None:
    async with open_resources(settings_in(tmp_path), NodeStats()) as resources:
        connections = await connect(resources, module.GOODBYES_A_STEP_MIN)
        begin = time.monotonic()
        with capture_logs() as lines:
            await resources.drain(20)
        assert time.monotonic() - begin < module.DRAIN_STEP_S
        assert {connection.closed_with for connection in connections} == {CloseCode.DRAINING}
        assert lines == [
            {"event": "node.draining", "log_level": "info", "connections": len(connections), "drain_seconds": 20}
        ]


async def test_many_are_sent_away_in_turns_within_half_of_the_deadline(tmp_path: Path) -> None:
    async with open_resources(settings_in(tmp_path), NodeStats()) as resources:
        connections = await connect(resources, 151)
        draining = asyncio.create_task(resources.drain(1.0))
        await asyncio.sleep(0)
        assert resources.is_draining, "newcomers are refused from the first moment"
        begin = time.monotonic()
        await asyncio.sleep(module.DRAIN_STEP_S / 2)
        assert sum(connection.closed_with is not None for connection in connections) == 76, "the first half"
        await draining
        assert time.monotonic() - begin < 1.0
        assert {connection.closed_with for connection in connections} == {CloseCode.DRAINING}


async def test_nobody_is_sent_away_where_nobody_is(tmp_path: Path) -> None:
    async with open_resources(settings_in(tmp_path), NodeStats()) as resources:
        await resources.drain(0)
        assert resources.is_draining

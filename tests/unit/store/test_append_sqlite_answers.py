"""Messages into the log: what their senders are told, and what stays the same for databases that are there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from api.domain.errors import ChatError, not_found
from api.store.append_sqlite import append_messages, body_hash
from api.store.base import Append
from tests.unit.store.scene import Scene, new_id, open_scene, outcome


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


def refusal(append: Append) -> ChatError:
    assert append.error is not None
    return append.error


async def test_every_refusal_is_a_sentence(scene: Scene) -> None:
    ada, bob, eve = [await scene.user(name) for name in ("ada", "bob", "eve")]
    room = await scene.room(ada)
    await scene.store.write(lambda unit: unit.members.ban(room, eve.id, ada.id, reason="", now_ms=0))
    await scene.send(ada, room, "hello", key="k")
    refused = [await scene.send(bob, room), await scene.send(eve, room), await scene.send(ada, room, "x", key="k")]
    sentences = {refusal(append).detail for append in refused}
    assert len(sentences) == 3
    assert all(sentences)
    assert refusal(await scene.send(ada, new_id())).detail == not_found("room").detail


async def test_an_admin_who_is_a_member_is_named_as_he_is_now_too(scene: Scene) -> None:
    root = await scene.user("root", is_admin=True)
    room = await scene.room(root)
    await scene.store.write(lambda unit: unit.users.set_display_name(root.id, "Countess"))
    append = await scene.send(root, room)
    assert append.message is not None
    assert append.message.author.display_name == "Countess"


async def test_repeats_in_one_batch_do_not_cost_it_a_second_try(scene: Scene) -> None:
    ada = await scene.user("ada")
    room = await scene.room(ada)
    batch = [Append(new_id(), room, ada, "hello", "k") for _ in range(2)]
    await scene.store.write(lambda unit: append_messages(scene.store._writer._db, batch, unit.now_ms))
    assert [(outcome(append), append.duplicate) for append in batch] == [(2, False), (2, True)]


def test_a_body_has_the_hash_that_databases_hold_of_it_already() -> None:
    assert body_hash("01980000-0000-7000-8000-00000000000a", "hello").hex() == "6cc1390953e9ae82f14d1de636a17d62"

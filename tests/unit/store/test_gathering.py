"""Reads that many ask for at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from api.domain.errors import ChatError, ErrorCode
from api.store.gathering import Gathering
from api.store.parts import IDS_AT_ONCE


class Shelf:
    """Numbers by their names, read when the test lets it."""

    def __init__(self) -> None:
        self.reads: list[list[str]] = []
        self.may_read = asyncio.Event()
        self.error: BaseException | None = None

    async def read(self, keys: Sequence[str]) -> dict[str, int]:
        self.reads.append(list(keys))
        await self.may_read.wait()
        if self.error is not None:
            raise self.error
        return {key: int(key) for key in keys if key.isdigit()}


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_asks_while_a_read_is_under_way_shares_the_next_one() -> None:
    shelf = Shelf()
    gathering = Gathering(shelf.read)
    first = [asyncio.create_task(gathering.get(key)) for key in ("1", "2", "1")]
    await turns()
    later = [asyncio.create_task(gathering.get(key)) for key in ("1", "3", "nothing")]
    await turns()
    assert shelf.reads == [["1", "2"]], "what was asked for later is not taken from an earlier look"
    shelf.may_read.set()
    assert await asyncio.gather(*first, *later) == [1, 2, 1, 1, 3, None]
    assert shelf.reads == [["1", "2"], ["1", "3", "nothing"]]


async def test_more_than_one_statement_takes_are_read_in_parts() -> None:
    shelf = Shelf()
    shelf.may_read.set()
    gathering = Gathering(shelf.read)
    numbers = range(IDS_AT_ONCE + 1)
    assert await asyncio.gather(*(gathering.get(str(number)) for number in numbers)) == list(numbers)
    assert [len(read) for read in shelf.reads] == [IDS_AT_ONCE, 1]


async def test_a_read_that_fails_is_told_to_all_who_wait_for_it_and_not_to_the_next() -> None:
    shelf = Shelf()
    gathering = Gathering(shelf.read)
    asking = [asyncio.create_task(gathering.get("1")) for _ in range(2)]
    await turns()
    later = asyncio.create_task(gathering.get("2"))
    await turns()
    shelf.error = ChatError(ErrorCode.UNAVAILABLE, "Not now.")
    shelf.may_read.set()
    for task in asking:
        with pytest.raises(ChatError, match="Not now"):
            await task
    with pytest.raises(ChatError):
        await later
    shelf.error = None
    assert await gathering.get("2") == 2


async def test_who_gives_up_takes_the_answer_from_nobody() -> None:
    shelf = Shelf()
    gathering = Gathering(shelf.read)
    impatient, patient = (asyncio.create_task(gathering.get("7")) for _ in range(2))
    await turns()
    impatient.cancel()
    shelf.may_read.set()
    assert await patient == 7
    with pytest.raises(asyncio.CancelledError):
        await impatient

"""Whatever people do in whatever order, the server says what the contract's model says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.search.desk import SETTINGS
from tests.search.ground import Ground
from tests.search.machine import AllMoves, ChatMachine
from tests.search.moves import names_of
from tests.support.fixtures import MakeServer

CODES = {
    *("account_suspended", "banned", "connection_limit", "forbidden", "idempotency_conflict", "invalid_credentials"),
    *("invalid_ticket", "invalid_token", "last_owner", "not_found", "refresh_token_reused", "resync_required"),
    *("room_name_taken", "session_revoked", "too_many_rooms", "validation_error"),
}
"""What people can be refused with in a search; all else is for tables of tests to show."""


@pytest.fixture(scope="module")
def ground(server_with: MakeServer) -> Iterator[Ground]:
    """Give the server that examples run on, one after the other."""
    with asyncio.Runner() as runner:
        yield Ground(server_with(**SETTINGS), runner)


def search(ground: Ground, *phases: Phase, examples: int, steps: int) -> None:
    """Do so many examples of so many steps, the same ones each time."""

    class Machine(ChatMachine):
        pass

    Machine.ground = ground
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=[Phase.generate, *phases],
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            # Each step is a request; ten examples take longer than Hypothesis likes.
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_server_says_what_the_model_says(ground: Ground) -> None:
    search(ground, examples=4, steps=100)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_server_says_what_the_model_says_for_longer(ground: Ground) -> None:
    """A failure is shrunk to the few steps that make it."""
    search(ground, Phase.shrink, examples=75, steps=130)
    assert ground.done.keys() == names_of(AllMoves), "the search leaves something out"
    assert ground.answers.keys() >= CODES, "the search reaches too little"

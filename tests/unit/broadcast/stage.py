"""A stage: every await of the code under test stands on it until the test lets it go on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

BREATHS = 12
"""Turns of the event loop after which everything stands that is going to: the longest chain of wake-ups is shorter."""

STEPS_MAX = 20_000


@dataclass(eq=False, slots=True)
class Step:
    """Something that happens when the stage says so. Of one lane, the first comes first."""

    label: str
    act: Callable[[], None]
    lane: str | None


class Stage:
    """Decides on the order of everything that has no order of its own; the same seed decides alike."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.past: list[str] = []
        self._steps: list[Step] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin something that is to end before the stage does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        return task

    def later(self, label: str, act: Callable[[], None], *, lane: str | None = None) -> None:
        """Add a step."""
        self._steps.append(Step(label, act, lane))

    async def stand(self, label: str, *, lane: str | None = None) -> None:
        """Wait until the stage lets this step go on."""
        going: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.later(label, lambda: None if going.done() else going.set_result(None), lane=lane)
        await going

    def open_steps(self) -> list[Step]:
        """List the steps that may be taken now."""
        seen: set[str] = set()
        steps: list[Step] = []
        for step in self._steps:
            if step.lane is None:
                steps.append(step)
            elif step.lane not in seen:
                seen.add(step.lane)
                steps.append(step)
        return steps

    async def take(self, step: Step) -> None:
        """Take one step, and let everything run that follows from it."""
        self._steps.remove(step)
        self.past.append(step.label)
        step.act()
        await self.settle()

    async def take_any(self) -> bool:
        """Take a random step; False when there is none."""
        steps = self.open_steps()
        if steps:
            await self.take(self.random.choice(steps))
        return bool(steps)

    async def take_all(self, keep: Callable[[Step], bool] = lambda _step: False) -> None:
        """Take steps in random order until none is left but those to keep."""
        await self.settle()
        for _ in range(STEPS_MAX):
            steps = [step for step in self.open_steps() if not keep(step)]
            if not steps:
                return
            await self.take(self.random.choice(steps))
        raise AssertionError(f"it never ends: {self.past[-40:]}")

    async def finish(self) -> None:
        """Check that nothing is left to do, and raise what a task has raised."""
        assert not self._steps
        assert [task for task in self._tasks if not task.done()] == []
        for task in self._tasks:
            task.result()

    @staticmethod
    async def settle() -> None:
        """Let everything run that can."""
        for _ in range(BREATHS):
            await asyncio.sleep(0)

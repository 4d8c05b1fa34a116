"""A broker that keeps no more than it has promised: hints are lost, doubled, late and in any order."""

from __future__ import annotations

from collections.abc import Callable

from api.broadcast.base import Broker, Hint, OnHint
from tests.unit.broadcast.stage import Stage


class ChaosBroker:
    """One node's door to a real broker. What it hears is lost, doubled or held back by the stage's dice.

    Args:
        broker: shared by all nodes.
        loss: how much of what comes is lost, 0 to 1.
    """

    def __init__(self, broker: Broker, stage: Stage, name: str, *, loss: float = 0.4, doubling: float = 0.2) -> None:
        self._broker = broker
        self._stage = stage
        self._name = name
        self._loss = loss
        self._doubling = doubling
        self._ears: dict[OnHint, OnHint] = {}

    async def subscribe(self, room_id: str, on_hint: OnHint) -> None:
        """Hear the room's hints, some time after it was asked for and before it is confirmed."""
        await self._stage.stand(f"{self._name}: subscribe")
        await self._broker.subscribe(room_id, self._ear(on_hint))
        await self._stage.stand(f"{self._name}: subscribed")

    async def unsubscribe(self, room_id: str, on_hint: OnHint) -> None:
        """Hear them no more."""
        await self._stage.stand(f"{self._name}: unsubscribe")
        await self._broker.unsubscribe(room_id, self._ear(on_hint))

    def publish(self, room_id: str, hint: Hint, sender: OnHint) -> None:
        """Tell the others."""
        self._broker.publish(room_id, hint, self._ear(sender))

    def _ear(self, on_hint: OnHint) -> OnHint:
        if on_hint not in self._ears:
            self._ears[on_hint] = lambda hint: self._heard(on_hint, hint)
        return self._ears[on_hint]

    def _heard(self, on_hint: OnHint, hint: Hint) -> None:
        dice = self._stage.random
        if dice.random() < self._loss:
            return
        for _ in range(2 if dice.random() < self._doubling else 1):
            self._stage.later(f"{self._name}: hint", _call(on_hint, hint))


def _call(on_hint: OnHint, hint: Hint) -> Callable[[], None]:
    return lambda: on_hint(hint)

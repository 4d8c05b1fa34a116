"""The broker inside one process."""

import asyncio

from api.broadcast.base import Hint, OnHint


class MemoryBroker:
    """Pass hints between the managers of one process, on the next turn of the event loop.

    A server alone in its process has nobody to tell, and pays one look-up a hint.
    """

    def __init__(self) -> None:
        self._subscribers: dict[str, list[OnHint]] = {}

    async def subscribe(self, room_id: str, on_hint: OnHint) -> None:
        """Hear the room's hints from now on."""
        self._subscribers.setdefault(room_id, []).append(on_hint)

    async def unsubscribe(self, room_id: str, on_hint: OnHint) -> None:
        """Stop hearing the room's hints."""
        subscribers = self._subscribers.get(room_id, [])
        if on_hint in subscribers:
            subscribers.remove(on_hint)
        if not subscribers:
            self._subscribers.pop(room_id, None)

    def publish(self, room_id: str, hint: Hint, sender: OnHint) -> None:
        """Tell the other subscribers of the room."""
        for on_hint in self._subscribers.get(room_id, ()):
            if on_hint != sender:
                asyncio.get_running_loop().call_soon(on_hint, hint)

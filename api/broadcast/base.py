"""What the parts of the fan-out promise each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from api.broadcast.outbox import Outbox
from api.domain.errors import ChatError
from api.domain.events import Event
from api.domain.models import Message, User
from api.protocol.problems import CloseCode


class Connection(Protocol):
    """One socket of one user, as the fan-out sees it. No method waits for the network.

    `is_live`: `welcome` was sent; from then on the events of the rooms in `room_ids` go to the outbox.
    """

    id: str
    user: User
    session_id: str
    outbox: Outbox
    is_live: bool
    room_ids: set[str]

    def close(self, code: CloseCode) -> None:
        """End the connection; harmless when it has ended."""
        ...

    def break_off(self, step: str, error: Exception) -> None:
        """End the connection with 4000 after a fault in `step` that no command can be answered with; log the first.

        What the client has heard may have a hole, and a new connection has none.
        """
        ...

    def tick(self, now_s: float, now_ms: int) -> None:
        """Look at the deadlines; called several times a second."""
        ...

    async def drain(self, reconnect_after_ms: int) -> None:
        """Answer what was asked, say goodbye, close with 4001."""
        ...


class Origin(Protocol):
    """Who sent a message and waits for its answer. Exactly one of the two is called, once."""

    @property
    def connection(self) -> Connection | None:
        """Name the connection that gets the answer in the place of the event; None: somebody outside of any."""
        ...

    def settle(self, message: Message, *, duplicate: bool) -> None:
        """Take the committed message; for a connection this is its `ack`, in the place of the event."""
        ...

    def fail(self, error: ChatError) -> None:
        """Take the refusal; after `unavailable` the message may exist all the same."""
        ...


@dataclass(frozen=True, slots=True)
class EventHint:
    """Tell other nodes of a committed event. It may be lost, doubled or late: the store is the truth."""

    event: Event


@dataclass(frozen=True, slots=True)
class EphemeralHint:
    """Pass a push that is never stored to the room's members; `user_id` made it."""

    room_id: str
    payload: bytes
    user_id: str
    to_own: bool
    to_others: bool


Hint = EventHint | EphemeralHint
OnHint = Callable[[Hint], None]


class Broker(Protocol):
    """Pub/sub between processes: at most once, in no promised order. Whatever it loses costs latency, never data."""

    async def subscribe(self, room_id: str, on_hint: OnHint) -> None:
        """Hear the room's hints; returns once every hint published from now on would be heard."""
        ...

    async def unsubscribe(self, room_id: str, on_hint: OnHint) -> None:
        """Take one `subscribe` back; with none left, the room's hints are not heard any more.

        It may run beside a `subscribe` of the same room, which must not be lost by it.
        """
        ...

    def publish(self, room_id: str, hint: Hint, sender: OnHint) -> None:
        """Tell every subscriber of the room but the sender; never blocks, never raises."""
        ...

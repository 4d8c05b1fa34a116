"""What services may ask of the store. The guarantees stand here; `tests/contract` checks them on every backend."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from api.domain.errors import ChatError
from api.domain.events import Event
from api.domain.models import Message, User
from api.store.snapshot import Snapshot, Unit

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Append:
    """One message on its way into the log, and what became of it.

    After the commit exactly one of `message` and `error` is set. `duplicate`: the key was known, and `message` is
    the message that the first command made. `submitted_s` is of the monotonic clock.
    """

    message_id: str
    room_id: str
    author: User
    body: str
    idempotency_key: str | None
    submitted_s: float = 0.0
    message: Message | None = None
    duplicate: bool = False
    error: ChatError | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What one job other than a message did that the live stream has to know.

    `events` are those that it added to logs, in their order. `recounted` are the rooms that have more or fewer members
    now: people come into the default room by signing up, and go by deleting their account, without an event.
    """

    events: Sequence[Event]
    recounted: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class WriteLoad:
    """How many writes wait to be committed now, and how many have been since the start."""

    waiting: int
    committed: int


Committed = Sequence[Append | Written]
OnCommitted = Callable[[Committed], None]


class Store(Protocol):
    """The database of one node.

    `write` and `submit` go through one queue: what was asked first is committed first. A transaction that fails or
    whose outcome is unknown raises ChatError `unavailable`; an idempotency key resolves the retry.
    """

    async def read(self, query: Callable[[Snapshot], T]) -> T:
        """Run a query on one consistent snapshot that holds everything acknowledged so far."""
        ...

    async def write(self, job: Callable[[Unit], T]) -> T:
        """Run a job alone in the write transaction, and return after the commit and after `on_committed`.

        An exception in the job undoes that job only and is raised here.
        """
        ...

    def submit(self, append: Append) -> None:
        """Queue one message; `on_committed` gets it back after the commit, never before.

        Raises:
            ChatError: `unavailable`, the queue is full; nothing was queued.
        """
        ...

    @property
    def load(self) -> WriteLoad:
        """Tell how much there is to write."""
        ...

    async def changed_outside(self) -> bool:
        """Tell whether another process has committed since the last call."""
        ...

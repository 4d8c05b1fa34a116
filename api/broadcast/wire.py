"""The seam between a connection and what carries its bytes."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

Ender = Literal["client", "server", "nobody"]


class Ending(NamedTuple):
    """How a connection ended: the close code and reason, and whose they are; 1006 and nobody's where none came."""

    code: int
    reason: str
    by: Ender


NOBODYS: Ending = Ending(1006, "", "nobody")
"""The line was lost: no close frame came (RFC 6455 §7.1.5)."""


class PreparedFrame(bytes):
    """A payload that many connections get. The wire that frames it first keeps the frame for all the others."""

    framed: bytes | None = None


class Sink(Protocol):
    """What takes a connection's messages; every call comes from the event loop and must not block."""

    def frame_received(self, data: bytes, *, text: bool) -> None:
        """Take one whole message."""

    def pong_received(self) -> None:
        """Learn that the peer answered the last ping."""

    def writable_again(self) -> None:
        """Learn that the transport took what it had."""

    def connection_lost(self, ending: Ending) -> None:
        """Learn, once, that the connection is gone, and how."""


class Wire(Protocol):
    """One open socket, seen from the connection; no call waits for the peer."""

    def start(self, sink: Sink) -> None:
        """Begin, once, after the accept; frames that came before are handed over now, in order."""

    def write(self, payloads: Sequence[bytes]) -> None:
        """Send each UTF-8 JSON text as one text frame, all of them by one write of the transport."""

    @property
    def is_writable(self) -> bool:
        """False while the transport holds more than it wants to."""
        ...

    @property
    def buffered_bytes(self) -> int:
        """Count what the transport holds and the kernel has not taken."""
        ...

    def pause_reading(self) -> None:
        """Hand over no more frames until `resume_reading`."""

    def resume_reading(self) -> None:
        """Hand over frames again."""

    def ping(self) -> None:
        """Send a ping; its answer comes as `pong_received`."""

    def close(self, code: int, reason: str, grace_s: float) -> None:
        """Send a close frame behind what was written; cut the line when the peer has not finished after `grace_s`."""

    def abort(self) -> None:
        """Cut the line at once, whatever is unsent."""

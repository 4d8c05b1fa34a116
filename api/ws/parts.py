"""What all connections of a node share."""

from collections.abc import Callable
from dataclasses import dataclass

from api.broadcast.flusher import Flusher
from api.broadcast.stats import NodeStats
from api.middleware.rate_limit import MessageLimits
from api.ws.commands import Command, CommandContext
from api.ws.deadlines import Pace


@dataclass(frozen=True, slots=True)
class ConnectionParts:
    """What a connection works with.

    `parse` reads one frame into a command, or raises InvalidCommandError.
    """

    parse: Callable[..., Command]
    limits: MessageLimits
    flusher: Flusher
    context: CommandContext
    pace: Pace
    outbox_frames: int
    outbox_bytes: int
    stall_s: float
    stats: NodeStats

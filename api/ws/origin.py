"""Who sent a message over a socket."""

from typing import Final, Protocol

from api.broadcast.base import Connection
from api.domain.errors import ChatError
from api.domain.models import Message
from api.protocol import frames

ACK_BYTES: Final = 600
"""What an ack has beside what the client sent."""


class Sender(Connection, Protocol):
    """The connection that a `message.send` came from, and that is owed its answer."""

    def answer_error(self, command_id: str | None, error: ChatError) -> None:
        """Answer with an `error` frame."""
        ...

    def send_answered(self, owed_bytes: int) -> None:
        """Learn that one message has got its answer."""
        ...


class SocketOrigin:
    """The connection that sent a message and is owed its answer; implements `broadcast.base.Origin`.

    Args:
        size_bytes: of the command.
    """

    __slots__ = ("_command_id", "connection", "owed_bytes")

    def __init__(self, connection: Sender, command_id: str, size_bytes: int) -> None:
        self.connection = connection
        self._command_id = command_id
        self.owed_bytes = size_bytes + ACK_BYTES

    def settle(self, message: Message, *, duplicate: bool) -> None:
        """Send the ack; it has the event's place in the order, so without it there is a hole."""
        try:
            self.connection.outbox.push(frames.message_ack(self._command_id, message, duplicate=duplicate))
        except Exception as error:  # noqa: BLE001 - whatever it was, the others have to hear the event
            self.connection.break_off("ack", error)
        self.connection.send_answered(self.owed_bytes)

    def fail(self, error: ChatError) -> None:
        """Send the error."""
        self.connection.answer_error(self._command_id, error)
        self.connection.send_answered(self.owed_bytes)

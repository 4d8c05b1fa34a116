"""The commands of a socket: one class each, its fields and what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from api.broadcast.base import Connection, Origin
from api.domain.errors import ChatError, ErrorCode
from api.middleware.rate_limit import Bucket
from api.middleware.validation import COMMAND_ID_CHARS_MAX
from api.protocol import frames
from api.protocol.fields import PAGE_LIMIT_DEFAULT, Body, Epoch, Id, IdempotencyKey, PageLimit, Seq
from api.protocol.timestamps import rfc3339
from api.services.authentication import Authenticator
from api.services.messages import Messages


class Caller(Connection, Protocol):
    """The connection that a command came from."""

    def extend(self, expires_at_ms: int) -> None:
        """Live on until another token's expiry."""
        ...


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What commands work with."""

    messages: Messages
    authenticator: Authenticator
    clock_ms: Callable[[], int]


class BaseCommand(BaseModel):
    """What every command has; a field that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    bucket: ClassVar[Bucket] = "commands"
    id: Annotated[str, Field(min_length=1, max_length=COMMAND_ID_CHARS_MAX)]

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        """Carry the command out; return `ack.result`, or raise the ChatError of its `error`."""
        raise NotImplementedError


class SendMessage(BaseCommand):
    """Send a message; its `ack` takes the place of the event, so it is started, not awaited."""

    bucket: ClassVar[Bucket] = "messages"
    type: Literal["message.send"]
    room_id: Id
    body: Body
    idempotency_key: IdempotencyKey | None = None

    def start(self, caller: Caller, context: CommandContext, origin: Origin) -> None:
        """Queue the message; the origin answers.

        Raises:
            ChatError: `unavailable`; the origin does not answer.
        """
        context.messages.send(caller.user, self.room_id, self.body, self.idempotency_key, origin)


class EditMessage(BaseCommand):
    """Give one's own message another body."""

    bucket: ClassVar[Bucket] = "messages"
    type: Literal["message.edit"]
    message_id: Id
    body: Body

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        """Edit."""
        message = await context.messages.edit(caller.user, self.message_id, self.body)
        return {"message": frames.message_object(message)}


class DeleteMessage(BaseCommand):
    """Scrub a message's text."""

    bucket: ClassVar[Bucket] = "messages"
    type: Literal["message.delete"]
    message_id: Id

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        """Delete."""
        message = await context.messages.delete(caller.user, self.message_id)
        return {"message": frames.message_object(message)}


class GetHistory(BaseCommand):
    """Read a room's log above a place in it."""

    bucket: ClassVar[Bucket] = "history"
    type: Literal["history.get"]
    room_id: Id
    after_seq: Seq
    epoch: Epoch | None = None
    limit: PageLimit = PAGE_LIMIT_DEFAULT

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        """Read one page."""
        page = await context.messages.events(
            caller.user, self.room_id, after_seq=self.after_seq, epoch=self.epoch, limit=self.limit
        )
        return {
            "room_id": self.room_id,
            "items": [frames.event_object(event) for event in page.items],
            "last_seq": page.last_seq,
            "epoch": page.epoch,
            "has_more": page.has_more,
        }


class MarkRead(BaseCommand):
    """Say how far one has read a room."""

    type: Literal["read.mark"]
    room_id: Id
    seq: Seq

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        """Move the mark up."""
        read_seq = await context.messages.mark_read(caller.user, self.room_id, self.seq, caller)
        return {"room_id": self.room_id, "read_seq": read_seq}


class SetTyping(BaseCommand):
    """Show the others that one writes, or no more."""

    type: Literal["typing.set"]
    room_id: Id
    typing: bool

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        """Show it."""
        await context.messages.set_typing(caller.user, self.room_id, caller, is_typing=self.typing)
        return {}


class RefreshToken(BaseCommand):
    """Live on with a newer access token of the same session."""

    type: Literal["token.refresh"]
    access_token: Annotated[str, Field(repr=False, min_length=1)]

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        """Check the token as a handshake would."""
        principal = await context.authenticator.authenticate(self.access_token)
        if principal.user.id != caller.user.id or principal.session_id != caller.session_id:
            raise ChatError(ErrorCode.INVALID_TOKEN, "The token is of another session.")
        caller.extend(principal.expires_at_ms)
        return {"expires_at": rfc3339(principal.expires_at_ms)}


class Ping(BaseCommand):
    """Ask whether the server is there."""

    type: Literal["ping"]

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:  # noqa: ARG002 - as every command
        """Tell the time."""
        return {"server_time": rfc3339(context.clock_ms())}


COMMANDS = (SendMessage, EditMessage, DeleteMessage, GetHistory, MarkRead, SetTyping, RefreshToken, Ping)

Command = SendMessage | EditMessage | DeleteMessage | GetHistory | MarkRead | SetTyping | RefreshToken | Ping

KNOWN_TYPES = frozenset(get_args(command.model_fields["type"].annotation)[0] for command in COMMANDS)


def command_adapter() -> TypeAdapter[Command]:
    """Build the reader of commands; one for the whole process."""
    return TypeAdapter(Annotated[Command, Field(discriminator="type")])

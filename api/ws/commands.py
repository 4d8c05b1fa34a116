"""The commands of a socket: one class each, its fields and what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from api.broadcast.base import Connection, Origin
from api.domain.errors import ChatError, ErrorCode
from api.middleware.rate_limit import Bucket
from api.protocol import frames
from api.protocol.answers import (
    ChangedMessage,
    HistoryPage,
    Nothing,
    ReadState,
    SentMessage,
    ServerTime,
    TokenExpiry,
)
from api.protocol.fields import PAGE_LIMIT_DEFAULT, Body, CommandId, Epoch, Id, IdempotencyKey, PageLimit, Seq
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


_ALWAYS = (ErrorCode.VALIDATION_ERROR, ErrorCode.RATE_LIMITED, ErrorCode.INTERNAL_ERROR)
_IN_ROOM = (*_ALWAYS, ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN, ErrorCode.BANNED, ErrorCode.UNAVAILABLE)


class BaseCommand(BaseModel):
    """What every command has; a field that is not listed is refused.

    `result` documents `ack.result`, and `errors` the codes of the `error` that may come instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    bucket: ClassVar[Bucket] = "commands"
    result: ClassVar[type[BaseModel]]
    errors: ClassVar[tuple[ErrorCode, ...]] = _IN_ROOM
    type: str
    id: CommandId = Field(description="Chosen by the client; the answer has it too.")

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        """Carry the command out; return `ack.result`, or raise the ChatError of its `error`."""
        raise NotImplementedError


class SendMessage(BaseCommand):
    """Send a message.

    The `ack` with `duplicate: false` comes in the place of the event `message.created`, in the order of `seq`; the
    sender's other connections get the event. Messages of one connection take their `seq` in the order sent.
    """

    bucket: ClassVar[Bucket] = "messages"
    result: ClassVar[type[BaseModel]] = SentMessage
    errors: ClassVar[tuple[ErrorCode, ...]] = (*_IN_ROOM, ErrorCode.IDEMPOTENCY_CONFLICT)
    type: Literal["message.send"]
    room_id: Id
    body: Body
    idempotency_key: IdempotencyKey | None = Field(
        default=None, description="Of the user's own making, one for each message: sent again, it makes no second one."
    )

    def start(self, caller: Caller, context: CommandContext, origin: Origin) -> None:
        """Queue the message; the origin answers, so this is not awaited.

        Raises:
            ChatError: `unavailable`; the origin does not answer.
        """
        context.messages.send(caller.user, self.room_id, self.body, self.idempotency_key, origin)


class EditMessage(BaseCommand):
    """Give one's own message another body. The same body again succeeds and makes no event."""

    bucket: ClassVar[Bucket] = "messages"
    result: ClassVar[type[BaseModel]] = ChangedMessage
    type: Literal["message.edit"]
    message_id: Id
    body: Body

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        message = await context.messages.edit(caller.user, self.message_id, self.body)
        return {"message": frames.message_object(message)}


class DeleteMessage(BaseCommand):
    """Scrub a message's text: one's own, or as owner or moderator anybody's. Again, it succeeds and makes no event."""

    bucket: ClassVar[Bucket] = "messages"
    result: ClassVar[type[BaseModel]] = ChangedMessage
    type: Literal["message.delete"]
    message_id: Id

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        message = await context.messages.delete(caller.user, self.message_id)
        return {"message": frames.message_object(message)}


class GetHistory(BaseCommand):
    """Read a room's log above a place in it, with messages as they are now.

    A page may be shorter than `limit`: it ends once its items reach 256 KiB of JSON.
    """

    bucket: ClassVar[Bucket] = "history"
    result: ClassVar[type[BaseModel]] = HistoryPage
    errors: ClassVar[tuple[ErrorCode, ...]] = (*_IN_ROOM, ErrorCode.RESYNC_REQUIRED)
    type: Literal["history.get"]
    room_id: Id
    after_seq: Seq = Field(description="The last `seq` that one has; 0 for all.")
    epoch: Epoch | None = Field(default=None, description="That of one's copy; another is answered `resync_required`.")
    limit: PageLimit = PAGE_LIMIT_DEFAULT

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
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
    """Say how far one has read a room. The mark only goes up; sending does not move it."""

    result: ClassVar[type[BaseModel]] = ReadState
    type: Literal["read.mark"]
    room_id: Id
    seq: Seq

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        read_seq = await context.messages.mark_read(caller.user, self.room_id, self.seq, caller)
        return {"room_id": self.room_id, "read_seq": read_seq}


class SetTyping(BaseCommand):
    """Show the others that one writes, or no more. In rooms of more than 100 members nobody sees it."""

    result: ClassVar[type[BaseModel]] = Nothing
    type: Literal["typing.set"]
    room_id: Id
    typing: bool

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:
        await context.messages.set_typing(caller.user, self.room_id, caller, is_typing=self.typing)
        return {}


class RefreshToken(BaseCommand):
    """Live on with a newer access token of the same user and session."""

    result: ClassVar[type[BaseModel]] = TokenExpiry
    errors: ClassVar[tuple[ErrorCode, ...]] = (
        *_ALWAYS,
        ErrorCode.INVALID_TOKEN,
        ErrorCode.TOKEN_EXPIRED,
        ErrorCode.SESSION_REVOKED,
        ErrorCode.ACCOUNT_SUSPENDED,
        ErrorCode.UNAVAILABLE,
    )
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

    result: ClassVar[type[BaseModel]] = ServerTime
    errors: ClassVar[tuple[ErrorCode, ...]] = _ALWAYS
    type: Literal["ping"]

    async def execute(self, caller: Caller, context: CommandContext) -> frames.Json:  # noqa: ARG002 - as every command
        return {"server_time": rfc3339(context.clock_ms())}


COMMANDS = (SendMessage, EditMessage, DeleteMessage, GetHistory, MarkRead, SetTyping, RefreshToken, Ping)

Command = SendMessage | EditMessage | DeleteMessage | GetHistory | MarkRead | SetTyping | RefreshToken | Ping

KNOWN_TYPES = frozenset(get_args(command.model_fields["type"].annotation)[0] for command in COMMANDS)


def command_adapter() -> TypeAdapter[Command]:
    """Build the reader of commands; one for the whole process."""
    return TypeAdapter(Annotated[Command, Field(discriminator="type")])

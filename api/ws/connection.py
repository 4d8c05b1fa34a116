"""One socket's life: frames in, commands carried out, answers and events out, the deadlines that end it."""

import asyncio
import contextlib
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Final

from api import log_events
from api.broadcast.outbox import Outbox
from api.broadcast.wire import Ending, Wire
from api.domain.errors import ChatError, ErrorCode
from api.domain.models import User
from api.middleware.errors import command_error
from api.middleware.validation import InvalidCommandError
from api.protocol import frames
from api.protocol.problems import CloseCode
from api.ws.commands import Command, SendMessage
from api.ws.deadlines import Deadlines
from api.ws.faults import Faults
from api.ws.origin import SocketOrigin
from api.ws.parts import ConnectionParts
from api.ws.queue import CommandQueue

DRAIN_ANSWERS_S: Final = 5.0
STALLED_GRACE_S: Final = 2.0
"""What a close frame gets of a reader that has stood still for `stall_s` already."""


class SocketConnection:
    """One open socket of one user; implements `broadcast.base.Connection` and `broadcast.wire.Sink`.

    Messages are submitted in the order they come. Other commands run one after the other in the order they come. The
    next frame is read only while the outbox is under half full, counting the answers that are still owed.
    """

    def __init__(
        self,
        connection_id: str,
        user: User,
        session_id: str,
        expires_at_ms: int,
        *,
        client: str,
        wire: Wire,
        parts: ConnectionParts,
        on_lost: Callable[["SocketConnection"], None],
    ) -> None:
        self.id = connection_id
        self.user = user
        self.session_id = session_id
        self.is_live = False
        self.room_ids: set[str] = set()
        self.frames_in = 0
        self.bytes_in = 0
        self.outbox = Outbox(
            wire,
            parts.flusher,
            frames_max=parts.outbox_frames,
            bytes_max=parts.outbox_bytes,
            on_overflow=self._overflow,
            on_fault=partial(self.break_off, "send"),
        )
        self.deadlines = Deadlines(parts.pace, expires_at_ms)
        # Frames come in outside of it, and what is logged because of them has to name the connection all the same.
        self._context = copy_context()
        self._client = client
        self.lost: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._wire = wire
        self._parts = parts
        self._on_lost = on_lost
        self._queue = CommandQueue(
            self._execute, has_room=self.outbox.has_room, on_change=self._read_or_hold, context=copy_context()
        )
        self._sends_owed = 0
        self._sent_bytes_owed = 0
        # Set by the drain, which waits for it.
        self._answered: asyncio.Event | None = None
        self._is_closing = False
        self._is_reading_held = False
        self._faults = Faults()

    # --- from the wire

    def frame_received(self, data: bytes, *, text: bool) -> None:
        """Take one message from the client: validation, limits, then the command."""
        if self._is_closing:
            return
        self.frames_in += 1
        self.bytes_in += len(data)
        try:
            self._context.run(self._take, data, text=text)
        except Exception as error:  # noqa: BLE001 - the server below would cut the line without a word
            self.break_off("frame", error)
        self._read_or_hold()

    def pong_received(self) -> None:
        """Learn that the client is there."""
        self.deadlines.pong_received()

    def writable_again(self) -> None:
        """Send on, then read on."""
        self.outbox.flush()
        self._read_or_hold()

    def connection_lost(self, ending: Ending) -> None:
        """Forget everything: nothing can be sent any more."""
        self._is_closing = True
        self.outbox.close()
        self._queue.clear()
        if self._answered is not None:
            self._answered.set()
        try:
            self._on_lost(self)
        finally:
            if not self.lost.done():
                self.lost.set_result(ending)

    # --- commands

    def _take(self, data: bytes, *, text: bool) -> None:
        try:
            command = self._parts.parse(data, text=text)
        except InvalidCommandError as invalid:
            self._refuse_frame(invalid)
            return
        self._faults.valid_command()
        try:
            self._parts.limits.check(command.bucket, self.user.id, self._client)
            self._carry_out(command, len(data))
        except Exception as error:  # noqa: BLE001 - whatever a command does, the connection lives
            self._failed(command, error)

    def _carry_out(self, command: Command, size_bytes: int) -> None:
        if not isinstance(command, SendMessage):
            self._queue.add(command)
            return
        origin = SocketOrigin(self, command.id, size_bytes)
        self._owe(1, origin.owed_bytes)
        try:
            command.start(self, self._parts.context, origin)
        except Exception:
            self._owe(-1, -origin.owed_bytes)
            raise

    async def _execute(self, command: Command) -> None:
        try:
            assert not isinstance(command, SendMessage)  # noqa: S101 - those never wait
            answer = frames.ack(command.id, await command.execute(self, self._parts.context))
        except Exception as error:  # noqa: BLE001 - whatever a command does, the connection lives
            self._failed(command, error)
        else:
            self.outbox.push_answer(answer)

    def _refuse_frame(self, invalid: InvalidCommandError) -> None:
        try:
            self._parts.limits.check("commands", self.user.id, self._client)
        except ChatError as limited:
            self.answer_error(invalid.command_id, limited)
            return
        self.answer_error(invalid.command_id, invalid.error)
        if (close := self._faults.invalid_frame()) is not None:
            self.close(close)

    def _failed(self, command: Command, error: Exception) -> None:
        refused = command_error(error, connection_id=self.id, user_id=self.user.id, command_type=command.type)
        self.answer_error(command.id, refused)

    def answer_error(self, command_id: str | None, error: ChatError) -> None:
        """Answer with an `error` frame; who goes on past a limit is parted with."""
        self._parts.stats.refusals["socket", error.code] += 1
        self.outbox.push_answer(frames.error(command_id, error))
        if error.code is ErrorCode.RATE_LIMITED:
            close = self._faults.rate_limited(asyncio.get_running_loop().time())
            if close is not None:
                self.close(close)

    def send_answered(self, owed_bytes: int) -> None:
        """Learn that one message has got its answer."""
        self._owe(-1, -owed_bytes)
        self._read_or_hold()

    def _owe(self, sends: int, size_bytes: int) -> None:
        self._sends_owed += sends
        self._sent_bytes_owed += size_bytes

    def extend(self, expires_at_ms: int) -> None:
        """Live on until another token's expiry."""
        self.deadlines.extend(expires_at_ms)

    # --- reading

    def go_live(self) -> None:
        """Begin to read, after `welcome`."""
        self._read_or_hold()

    def hold_reading(self) -> None:
        """Leave what the client sends in its socket."""
        self._is_reading_held = True
        self._wire.pause_reading()

    def _read_or_hold(self) -> None:
        try:
            self._decide_to_read()
        except Exception as error:  # noqa: BLE001 - nobody who calls this could tell the client
            self.break_off("reading", error)

    def _decide_to_read(self) -> None:
        if self._answered is not None and self._queue.is_idle and not self._sends_owed:
            self._answered.set()
        if self._is_closing:
            return
        if self.outbox.has_room():
            self._queue.wake()
        has_room = self.outbox.has_room(self._sends_owed, self._sent_bytes_owed)
        must_hold = not self.is_live or self._queue.is_full or not has_room
        self.outbox.on_flushed = self._read_or_hold if must_hold else None
        if must_hold and not self._is_reading_held:
            self._wire.pause_reading()
        elif self._is_reading_held and not must_hold:
            self._wire.resume_reading()
        self._is_reading_held = must_hold

    # --- the end

    def tick(self, now_s: float, now_ms: int) -> None:
        """Look at the deadlines: several times a second, from one place for all connections."""
        if self._is_closing or not self.is_live:
            return
        due = self.deadlines.look(
            now_s,
            now_ms,
            frames_out=self.outbox.frames_out,
            bytes_taken=self.outbox.taken_bytes,
            is_full=not self.outbox.has_room(),
            is_reading_held=self._is_reading_held,
        )
        for push in due.pushes:
            self.outbox.push(push)
        if due.is_ping_due:
            self._wire.ping()
        if due.close is CloseCode.SLOW_CONSUMER:
            self._part_with_slow_reader(STALLED_GRACE_S)
        elif due.close is not None:
            self.close(due.close)

    def close(self, code: CloseCode, grace_s: float | None = None) -> None:
        """End the connection; what waits is sent if the transport takes it at once.

        Args:
            grace_s: how long the close frame may take; without it as long as a reader may stand still.
        """
        if self._is_closing:
            return
        self.outbox.flush()
        self._is_closing = True
        self.outbox.close()
        self._queue.clear()
        self._wire.close(code.value, code.reason, self._parts.stall_s if grace_s is None else grace_s)

    def break_off(self, step: str, error: Exception) -> None:
        """End with 4000 after a fault in `step` that no command can be answered with; log the first."""
        if self._is_closing:
            return
        log_events.WS_FAILED.emit(connection_id=self.id, user_id=self.user.id, step=step, exc_info=error)
        self.outbox.close()  # what waits stands behind what may be missing
        self.close(CloseCode.INTERNAL_ERROR)

    async def drain(self, reconnect_after_ms: int) -> None:
        """Answer what was asked, say goodbye, close with 4001."""
        try:
            if self.is_live:
                # Else `welcome` has not come, and nothing may come before it.
                self.outbox.push(frames.server_draining(reconnect_after_ms))
            self.is_live = False
            self._read_or_hold()
            if not self._queue.is_idle or self._sends_owed:
                self._answered = asyncio.Event()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._answered.wait(), DRAIN_ANSWERS_S)
            self.close(CloseCode.DRAINING)
        except Exception as error:  # noqa: BLE001 - the goodbyes of the others go on
            self.break_off("drain", error)

    def _overflow(self) -> None:
        self._part_with_slow_reader(self._parts.stall_s)

    def _part_with_slow_reader(self, grace_s: float) -> None:
        if self._is_closing:
            return
        self._parts.stats.slow_consumers += 1
        log_events.WS_SLOW_CONSUMER.emit(
            connection_id=self.id,
            user_id=self.user.id,
            outbox_frames=self.outbox.frames,
            outbox_bytes=self.outbox.size_bytes,
            stalled_seconds=round(self.deadlines.stalled_s, 1),
        )
        self.close(CloseCode.SLOW_CONSUMER, grace_s)

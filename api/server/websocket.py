"""The wire: uvicorn's WebSocket protocol, made to write at once and to end without waiting for anybody."""

import asyncio
import secrets
from asyncio.transports import BaseTransport
from collections.abc import Sequence
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Event, State

from api.broadcast.wire import NOBODYS, Ending, Sink
from api.server.framing import ping_frame, text_frame
from api.server.handshake import HandshakeProtocol
from api.server.tcp import LINGER_S, set_socket_options

WIRE_EXTENSION: Final = "chat.wire"
# The transport asks for a pause above this; what one write brings comes on top.
WRITE_HIGH_BYTES: Final = 64 * 1024
SHUTDOWN_GRACE_S: Final = 1.0


class ChatWebSocketProtocol(HandshakeProtocol):
    """One connection, which offers itself to the application as the `Wire` `scope["extensions"]["chat.wire"]`.

    Up to `start` it is uvicorn's class: messages wait in the ASGI queue. From then on they go to the sink at once, and
    the ASGI `receive` and `send` are out of use; the ASGI task stays parked until `connection_lost`, because the
    transport closes when it returns. A connection has no timer but while it closes.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._sink: Sink | None = None
        self._is_live = False
        self._wants_frames = True
        self._held: list[Event] = []  # parsed, but not wanted yet
        self._outcome: Ending | None = None  # what this side closed with

    # --- the Wire

    def start(self, sink: Sink) -> None:
        """Go live. `connection_lost` never comes out of this call; messages that came before it do."""
        self._sink = sink
        self._is_live = True
        self._held = self._take_queue() + self._held
        self.read_paused = False
        self._read_on()
        if self.close_sent or self.disconnected:
            self.loop.call_soon(self._report_loss)

    def write(self, payloads: Sequence[bytes]) -> None:
        """Send each payload as one text frame, by one write of the transport; nothing once the connection ends."""
        if self.close_sent or self.transport.is_closing():
            return
        if len(payloads) == 1:
            self.transport.write(text_frame(payloads[0]))
        else:
            self.transport.write(b"".join(map(text_frame, payloads)))

    @property
    def is_writable(self) -> bool:
        """False while the transport holds more than `WRITE_HIGH_BYTES` and has not shrunk to a quarter of it."""
        return self.writable.is_set()

    @property
    def buffered_bytes(self) -> int:
        """Count what the transport holds and the kernel has not taken."""
        return self.transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Hand over no message more, not even one that has arrived, until `resume_reading`."""
        if not self.close_sent:
            self._wants_frames = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Hand messages over again, from the next turn of the loop on."""
        if not self._wants_frames:
            self._wants_frames = True
            self.loop.call_soon(self._read_on)

    def ping(self) -> None:
        """Send a ping; only the answer to the last one counts."""
        if self.close_sent or self.transport.is_closing():
            return
        self.pending_ping_payload = secrets.token_bytes(4)
        self.transport.write(ping_frame(self.pending_ping_payload))

    def close(self, code: int, reason: str, grace_s: float) -> None:
        """Send a close frame behind what was written, and cut the line when the peer has not ended it in `grace_s`.

        Messages of the peer are dropped from here on. Only the first call counts. `reason`: at most 123 bytes.
        """
        if self.close_sent or self.transport.is_closing():
            return
        if self.conn.state is State.OPEN:
            self.conn.send_close(code, reason)
        self.close_sent = True
        self._outcome = Ending(code, reason, "server")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._abort_after(grace_s)
        # The peer's answer has to be read, whoever had paused that.
        self._wants_frames, self.read_paused = True, False
        self.loop.call_soon(self._read_on)

    def abort(self) -> None:
        """Cut the line at once, whatever is unsent."""
        self.transport.abort()

    # --- the transport's and uvicorn's side

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        set_socket_options(self.transport.get_extra_info("socket"))

    def eof_received(self) -> None:
        self._abort_after(LINGER_S)  # the transport closes itself now, as soon as its buffer is empty

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._sink is not None:
            self._sink.writable_again()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._report_loss()

    def shutdown(self) -> None:
        """Finish what a drain has left: uvicorn calls this for every connection when the server ends."""
        if self.handshake_complete:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.SERVICE_RESTART})
            self.close(CloseCode.SERVICE_RESTART, "", SHUTDOWN_GRACE_S)
        elif self.initial_response is None:
            self.refuse_handshake(503)
        self._abort_after(SHUTDOWN_GRACE_S)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:  # complete: refused
            cast("dict[str, Any]", self.scope["extensions"])[WIRE_EXTENSION] = self

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if not self.disconnected and self.transport.is_closing():
            self._abort_after(LINGER_S)

    # --- frames

    def handle_events(self) -> None:
        """Take the parsed frames in order, as long as they are wanted; then part with a client that broke the rules."""
        events = self._held + self.conn.events_received()
        self._held = []
        for index, event in enumerate(events):
            if not self._wants_frames:
                self._held = events[index:]
                return
            self._take(event)
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()

    def _take(self, event: Event) -> None:
        if isinstance(event, Request):
            self.handle_connect(event)
        elif isinstance(event, Frame):
            match event.opcode:
                case Opcode.TEXT:
                    self.handle_text(event)
                case Opcode.BINARY:
                    self.handle_bytes(event)
                case Opcode.CONT:
                    self.handle_cont(event)
                case Opcode.PING:
                    self.handle_ping()
                case Opcode.PONG:
                    self.handle_pong(event)
                case Opcode.CLOSE:
                    self.handle_close(event)

    def send_receive_event_to_app(self) -> None:
        """Hand one whole message over: to the sink, or before `start` to the ASGI queue."""
        data = bytes(self.frames[0]) if len(self.frames) == 1 else b"".join(self.frames)
        is_text = self.curr_msg_data_type == "text"
        if is_text:
            try:
                data.decode()
            except UnicodeDecodeError as error:
                self.frames = []
                self._fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
                return
        if not self._is_live:
            super().send_receive_event_to_app()
            return
        self.frames = []
        if self._sink is not None and not self.close_sent:
            self._sink.frame_received(data, text=is_text)

    def handle_ping(self) -> None:
        if self.close_sent or not self.writable.is_set():
            # Our close frame was the last one; or the peer pings and does not read: pongs must not pile up, and the
            # latest ping alone wants an answer (RFC 6455 §5.5.3).
            self.conn.data_to_send()
        elif self.conn.state is State.OPEN:
            super().handle_ping()
        # Else the peer's close frame is behind this ping: the pong goes out with the answer to that.

    def handle_pong(self, event: Frame) -> None:
        was_waiting = self.pending_ping_payload is not None
        super().handle_pong(event)
        if was_waiting and self.pending_ping_payload is None and self._sink is not None:
            self._sink.pong_received()

    def handle_close(self, event: Frame) -> None:
        if self.close_sent:
            self.transport.close()  # uvicorn would also stop the timer, which a peer that never reads still needs
            return
        super().handle_close(event)
        self._abort_after(LINGER_S)
        self._report_loss()

    def handle_parser_exception(self) -> None:
        """Part with a client that broke the protocol, without a line in the log: anybody can do that."""
        if self.close_sent:
            return
        close = self.conn.close_sent
        assert close is not None  # noqa: S101 - the parser fails a connection with a close frame
        self.close_sent = True
        self._outcome = Ending(int(close.code), close.reason, "server")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._end_this_side()
        self._report_loss()

    # --- the end

    def _fail(self, code: int, reason: str) -> None:
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    def _take_queue(self) -> list[Event]:
        """Take the messages back that wait for an ASGI `receive`, as the frames they came in."""
        waiting: list[Event] = []
        while not self.queue.empty():
            message = cast("dict[str, Any]", self.queue.get_nowait())
            if message["type"] == "websocket.receive":
                text: str | None = message.get("text")
                waiting.append(
                    Frame(Opcode.BINARY, message["bytes"]) if text is None else Frame(Opcode.TEXT, text.encode())
                )
        return waiting

    def _read_on(self) -> None:
        if self._wants_frames:
            self.handle_events()
        if self._wants_frames:
            self.transport.resume_reading()

    def _report_loss(self) -> None:
        """Tell the sink, once, that no message will come or go any more."""
        sink, self._sink = self._sink, None
        if sink is None:
            return
        peer = self.conn.close_rcvd
        if self._outcome is not None:
            sink.connection_lost(self._outcome)
        else:
            sink.connection_lost(NOBODYS if peer is None else Ending(int(peer.code), peer.reason, "client"))

"""What the description of the socket says in words; `backticks` mark what stands on the wire."""

from collections.abc import Mapping
from typing import Final

SILENCE_MARGIN_MS: Final = 10_000
"""How long after a missed heartbeat a client goes on waiting."""

OVERVIEW: Final = """\
One WebSocket at `/v1/ws` carries everything live. Frames are texts that hold one JSON object each; `type` says which.

A client sends **commands**. Each has an `id` of the client's choice and is answered exactly once, by an `ack` or an \
`error` with the same `id`. The server sends **pushes** and **events** by itself, first of all `welcome`.

Ignore fields and types that you do not know: they may be added at any time. The server refuses fields that it does \
not know."""

TAGS: Final[Mapping[str, str]] = {
    "commands": """\
Answers are matched by `id`; those of different commands may come in another order than the commands were sent in. \
Commands follow the rules of the REST routes of the same purpose.""",
    "answers": """\
An `error` leaves the connection open. 20 frames in a row that are no commands close it with 4501; a valid command \
sets the count back.""",
    "pushes": """\
Frames that come by themselves and are in no log. `typing` and `read` are ephemeral: dropped first under pressure.""",
    "events": """\
A room is one log. Its events are numbered 1, 2, 3 … without a gap, and every connection of every member gets each of \
them once, in order. `history.get` reads the same from the log, with messages as they are now.

To stay complete, keep for each room its `epoch` and the last `seq` that you have seen. After a `welcome` with another \
`last_seq`, read `history.get` from your `seq` up to it, and hold back live events of the room until then. Take the \
event with your `seq` + 1, and drop what is at or below it. Another `epoch`, or `resync_required`: drop your copy of \
the room and load it anew.

In the place of an event come the `ack` of `message.send` (`duplicate: false`) on the connection that sent it, \
`room.joined` for who joins, and `room.left` for who leaves, is removed or banned.""",
}

HANDSHAKE: Final = """\
`GET /v1/ws` with the WebSocket upgrade of RFC 6455. The token is checked before the upgrade. A refusal is a plain \
HTTP answer with a problem document (RFC 9457); go by its `code`. A browser shows a page nothing of it but close code \
1006. Asking for a ticket shows it: that route refuses what the handshake would refuse.

```js
new WebSocket("wss://chat.example.com/v1/ws", ["chat.v1", `bearer.${accessToken}`]);
```

Of several credentials the first counts: header, subprotocol, ticket."""

BY_HEADER: Final = "`Bearer <access token>`: for programs."
BY_SUBPROTOCOL: Final = """\
`chat.v1, bearer.<access token>`: for browsers. The server selects `chat.v1` and never echoes the token."""
BY_TICKET: Final = """\
From `POST /v1/auth/ws-ticket`: for browsers that would rather not put the token there. Good for one handshake within \
30 seconds."""
ORIGIN: Final = "What browsers send. It has to be this host, or in the server's list."

CLOSE_RULE: Final = """\
4000 to 4499: reconnect and resume. 4500 to 4999: stop. The reason is the word. Any code that is not here is as 4000. \
Back off with full jitter: wait a random time between 0 and a bound that doubles from 0.5 s to 20 s."""

LIMITS: Final[Mapping[str, str]] = {
    "client_frame_bytes": "The longest frame of a client; a longer one closes with 1009.",
    "server_frame_bytes": "The longest frame of the server.",
    "command_id_chars": "The longest `id` of a command.",
    "body_chars": "The longest message body, in Unicode code points.",
    "page_items": "The largest `limit` of `history.get`.",
    "page_bytes": "A page of `history.get` ends once its items reach so much JSON.",
    "messages": "Messages, edits and deletions of one user within the window; null: not limited.",
    "messages_window_seconds": "That window.",
    "connections_per_user": "Open sockets of one user; one more is refused with `connection_limit`.",
    "heartbeat_ms": "The longest silence of the server, and the time between its pings (RFC 6455).",
    "silence_ms": "A client that hears nothing for so long reconnects.",
    "pong_ms": "A client that owes a pong for so long is closed with 4002.",
    "token_warning_ms": "`token.expiring` is sent so long before the token ends.",
    "buffer_frames": "Frames that may wait for a client that does not read; past it: 4003.",
    "buffer_bytes": "Bytes that may wait for a client that does not read; past it: 4003.",
    "stall_ms": "A client whose full buffer has not moved for so long is closed with 4003.",
    "bad_frames_in_a_row": "So many frames in a row that are no commands close with 4501.",
    "rate_limited_answers": "So many answers `rate_limited` within the window close with 4004.",
    "rate_limited_window_ms": "That window.",
    "ephemeral_room_members": "In larger rooms nobody's `typing` is shown, and only one's own `read`.",
}

"""Every line of the log that operators may rely on: its name, level, fields, what it means and what to do.

A field never holds a message body, a token, a password, a ticket, a query string, or a client's text beyond a name.
Beside the fields listed, every line has `timestamp`, `level`, `event` and `node_id`; a line written while a request or
a connection is served has its `request_id` or `connection_id`, and the `user_id` once that is known. `client` is the
address the request came from. docs/operations.md shows the same catalogue to its readers.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import structlog

Level = Literal["info", "warning", "error"]
_NUMBERS: Final[Mapping[Level, int]] = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One kind of log line; `emit` writes it, with the fields named here."""

    name: str
    level: Level
    fields: tuple[str, ...]
    meaning: str
    action: str

    def emit(self, *, exc_info: BaseException | None = None, **fields: object) -> None:
        """Write the line; `exc_info` becomes its structured field `exception`. Nothing is checked here: it is cheap."""
        if exc_info is not None:
            fields["exc_info"] = exc_info
        structlog.get_logger().log(_NUMBERS[self.level], self.name, **fields)


def _event(name: str, level: Level, fields: str, meaning: str, action: str = "Nothing.") -> LogEvent:
    return LogEvent(name, level, tuple(fields.split()), meaning, action)


def _info(name: str, fields: str, meaning: str, action: str = "Nothing.") -> LogEvent:
    return _event(name, "info", fields, meaning, action)


# --- accounts
AUTH_SIGNED_UP: Final = _info(
    "auth.signed_up",
    "user_id username client",
    "Somebody made an account.",
    "Many from one `client`: lower CHAT_RATE_LIMIT_SIGNUP, or set CHAT_SIGNUP=closed.",
)
AUTH_LOGGED_IN: Final = _info(
    "auth.logged_in", "user_id username session_id client user_agent", "A login made a session."
)
AUTH_LOGIN_FAILED: Final = _event(
    "auth.login_failed",
    "warning",
    "username client reason",
    "A login was refused; `reason` is unknown_user, wrong_password or suspended (the client is told only the last).",
    "Many of one `client` over many names: somebody tries passwords; block the address in front of the server. "
    "Many for one `username`: tell its owner. The limit is CHAT_RATE_LIMIT_LOGIN.",
)
AUTH_REFUSED: Final = _info(
    "auth.refused",
    "code client path user_id",
    "A REST request had no usable token; `code` is the error it got, `user_id` whose token it was, where that is sure."
    " Handshakes have ws.refused.",
    "Single ones are clients with an expired token. A stream of invalid_token from one `client` is somebody guessing.",
)
AUTH_REFRESH_REUSED: Final = _event(
    "auth.refresh_reused",
    "warning",
    "user_id session_id client",
    "A refresh token came a second time, after its successor was used: the session was revoked.",
    "One of two holders is a thief, or a client that keeps old tokens. Ask the user; if in doubt, reset the password.",
)
AUTH_LOGGED_OUT: Final = _info("auth.logged_out", "user_id session_id", "A user ended the session.")
AUTH_PASSWORD_CHANGED: Final = _info(
    "auth.password_changed", "user_id revoked", "A user changed the password; `revoked` other sessions ended with it."
)
AUTH_SESSION_REVOKED: Final = _info(
    "auth.session_revoked", "user_id session_id", "A user ended one of the sessions from the list of sessions."
)

# --- what an operator does to users, on the command line
_BY_HAND: Final = "Expected after the command; if nobody here gave it, find out who has a shell on the machine."
USER_CREATED: Final = _info("user.created", "user_id username", "`chat user create` made an account.", _BY_HAND)
USER_SUSPENDED: Final = _event(
    "user.suspended",
    "warning",
    "user_id username",
    "The user is locked out until `chat user unsuspend`; the sessions stay and work again then.",
    _BY_HAND,
)
USER_UNSUSPENDED: Final = _info("user.unsuspended", "user_id username", "The user may log in again.", _BY_HAND)
USER_PROMOTED: Final = _event(
    "user.promoted", "warning", "user_id username", "The user has the owner's rights in all public rooms.", _BY_HAND
)
USER_DEMOTED: Final = _info("user.demoted", "user_id username", "The user is no admin any more.", _BY_HAND)
USER_PASSWORD_RESET: Final = _event(
    "user.password_reset", "warning", "user_id username", "A new password was set, all sessions are revoked.", _BY_HAND
)
USER_DELETED: Final = _info(
    "user.deleted", "user_id", "A user deleted the own account: name scrubbed, rooms left, messages kept."
)

# --- rooms and members (the room's own log holds the same, for its members)
ROOM_CREATED: Final = _info("room.created", "room_id user_id visibility", "A room was made.")
ROOM_UPDATED: Final = _info("room.updated", "room_id user_id", "Name or topic of a room changed.")
ROOM_DELETED: Final = _info("room.deleted", "room_id user_id", "A room was deleted; its history can be read no more.")
MEMBER_JOINED: Final = _info("member.joined", "room_id user_id actor_id role", "A user came into a room.")
MEMBER_LEFT: Final = _info("member.left", "room_id user_id", "A user left a room.")
MEMBER_REMOVED: Final = _info("member.removed", "room_id user_id actor_id", "A user was taken out of a room.")
MEMBER_BANNED: Final = _info("member.banned", "room_id user_id actor_id", "A user was banned from a room.")
MEMBER_UNBANNED: Final = _info("member.unbanned", "room_id user_id actor_id", "A ban was lifted.")
MEMBER_ROLE_CHANGED: Final = _info("member.role_changed", "room_id user_id actor_id role", "A member's role changed.")

# --- connections
WS_CONNECTED: Final = _info(
    "ws.connected", "connection_id user_id session_id client user_agent auth rooms", "A socket is open and welcomed."
)
WS_REFUSED: Final = _event(
    "ws.refused",
    "warning",
    "code status client user_agent origin user_id",
    "A handshake was answered with an error before any upgrade; `code` says why.",
    "token_expired and draining are everyday life. origin_not_allowed: a page that is not in CHAT_ALLOWED_ORIGINS. "
    "connection_limit: CHAT_MAX_CONNECTIONS or CHAT_MAX_CONNECTIONS_PER_USER is reached. A stream of invalid_token "
    "from one `client` is somebody guessing.",
)
WS_DISCONNECTED: Final = _info(
    "ws.disconnected",
    "connection_id user_id code reason ended_by seconds frames_in frames_out bytes_in bytes_out",
    "A socket is gone. `ended_by` says whose close code and reason these are: client, server, or nobody where the line "
    "was lost (1006). A client may send any code, ours included.",
    "Many 1006 or 4002 at once: the network or a proxy's timeout. 4003: see ws.slow_consumer.",
)
WS_SLOW_CONSUMER: Final = _event(
    "ws.slow_consumer",
    "warning",
    "connection_id user_id outbox_frames outbox_bytes stalled_seconds",
    "A reader did not keep up and was cut off (4003); it can come back and catch up.",
    "One user: a bad line. Many at once: the network, or a node out of CPU (see node.stats, loop_lag_ms).",
)
WS_FAILED: Final = _event(
    "ws.failed",
    "error",
    "connection_id user_id step exception",
    "A connection failed in a way nobody foresaw, in `step`, outside of any command; it was closed with 4000.",
    "A fault of this program: report it with the `exception`. The client comes back and misses nothing.",
)
RATE_LIMIT_EXCEEDED: Final = _event(
    "rate_limit.exceeded",
    "warning",
    "limit user_id client",
    "A limit refused something; `limit` is the setting without CHAT_RATE_LIMIT_, in lower case, or `commands`: those "
    "of a socket that neither send nor read messages, which may come as often as CHAT_RATE_LIMIT_REST says.",
    "One user or address: working as meant. Ordinary people: raise that setting.",
)

# --- requests and errors
HTTP_REQUEST: Final = _info(
    "http.request",
    "method path status ms client user_agent bytes_out",
    "One REST request was answered, in `ms`.",
    "status 500 comes with an http.error of the same `request_id`; 503 with store.unavailable, or while draining. "
    "status 499: the client left before its answer.",
)
HTTP_REFUSED: Final = _event(
    "http.refused",
    "warning",
    "code status client",
    "What came was no HTTP, and was answered 400, unless it came behind a request whose answer was under way. The "
    "connection is closed.",
    "Now and then: scanners, or TLS spoken to this port. A stream from one `client`: block the address.",
)
HTTP_ERROR: Final = _event(
    "http.error",
    "error",
    "method path exception",
    "A request failed in a way nobody foresaw; the client got 500 and the `request_id`.",
    "A fault of this program: report it with the `exception`.",
)
COMMAND_FAILED: Final = _event(
    "command.failed",
    "error",
    "connection_id user_id type exception",
    "A command on a socket failed in a way nobody foresaw; the client got internal_error.",
    "A fault of this program: report it with the `exception`.",
)
TASK_FAILED: Final = _event(
    "task.failed",
    "error",
    "task exception",
    "Something that runs in the background failed; it is started again.",
    "Repeated: report it with the `exception`, and restart the node if deliveries stop.",
)

# --- the node and its database
NODE_STARTED: Final = _info(
    "node.started", "url host port version environment database", "The server answers requests at `url`."
)
NODE_START_FAILED: Final = _event(
    "node.start_failed",
    "error",
    "exception",
    "The server could not be started; standard error has it in one line, the exit code is 2.",
    "The line names the reason; where it does not, report the `exception`.",
)
NODE_FEW_FILES: Final = _event(
    "node.few_files",
    "warning",
    "limit needed",
    "This process may open fewer files than CHAT_MAX_CONNECTIONS needs; beyond them new connections fail.",
    "Raise the limit (`ulimit -Hn`, LimitNOFILE= of systemd, --ulimit of docker), or lower CHAT_MAX_CONNECTIONS.",
)
NODE_DRAINING: Final = _info(
    "node.draining", "connections drain_seconds", "SIGTERM came: no new sockets, the open ones are sent away in turns."
)
NODE_STOPPED: Final = _info("node.stopped", "uptime_seconds", "Everything is written and closed; exit follows.")
NODE_STATS: Final = _info(
    "node.stats",
    "connections users rooms messages deliveries commits messages_per_s deliveries_per_s commit_ms_p50 commit_ms_p99 "
    "delivery_ms_p50 delivery_ms_p99 outbox_frames_max loop_lag_ms drops slow_consumers refills refused",
    "State and totals of this node, every 10 s and at the end. Totals count from the start, rates from the last line.",
    "commit_ms_p99 above 100: the disk is slow or full. loop_lag_ms above 100: the node is out of CPU. `drops` grows: "
    "readers too slow for typing notices. `refills` grows: hints get lost.",
)
NODE_EXTERNAL_CHANGE: Final = _info(
    "node.external_change",
    "sessions ended rooms",
    "Another process changed the database, as `chat user` does: the `sessions` that are connected here were checked, "
    "the sockets of those that have `ended` are being closed, and the `rooms` followed here were read up to their end.",
    "Expected within a second of `chat user`, whose own line is on its standard error. Else somebody writes past the "
    "server.",
)
STORE_UNAVAILABLE: Final = _event(
    "store.unavailable",
    "error",
    "operation exception",
    "The database did not do what it was asked for; clients got `unavailable` and may retry.",
    "Look at the disk: full, read-only, gone? `/readyz` tells when it works again, as does store.recovered.",
)
STORE_RECOVERED: Final = _info("store.recovered", "seconds", "The database works again, after `seconds`.")
STORE_MIGRATED: Final = _info(
    "store.migrated", "revision", "The database was made, or brought to the schema of `revision`."
)
STORE_RESTORED: Final = _event(
    "store.restored",
    "warning",
    "rooms",
    "`chat restore` put a backup in place; every room has a new epoch, clients load their rooms anew.",
    "Expected after the command. What was written after the backup is gone.",
)
STORE_APPEND_REFUSED: Final = _event(
    "store.append_refused",
    "error",
    "room_id exception",
    "The database refused one message that had passed every check; its sender got `unavailable`.",
    "A fault of this program, or a damaged database: run `PRAGMA integrity_check` on a copy, report the `exception`.",
)
BROADCAST_FAILED: Final = _event(
    "broadcast.failed",
    "error",
    "room_id user_id exception",
    "Something committed could not be passed on at once; the 5-second check of all rooms repairs it.",
    "With store.unavailable: the database. Alone: a fault of this program, report the `exception`.",
)
DISPATCHER_REFILLED: Final = _info(
    "dispatcher.refilled",
    "room_id after_seq events",
    "A hint was missing; the events were read from the database, and nobody missed any.",
    "Now and then: nothing. All the time: the bus between the nodes is unwell.",
)
LOG_LINES_DROPPED: Final = _event(
    "log.lines_dropped",
    "warning",
    "lines",
    "The reader of this log stood still until 1 MiB waited for it: in this place so many `lines` are missing.",
    "Look at whatever reads the log: a full disk, a terminal that is stopped, a collector that hangs.",
)
SERVER_LOG: Final = _info(
    "server.log",
    "logger message exception",
    "A line of a library, above all of uvicorn; its level is its own.",
    "At error: read `message`; 'Exception in ASGI application' is a fault of this program.",
)

CATALOGUE: Final[Mapping[str, LogEvent]] = MappingProxyType(
    {event.name: event for event in list(globals().values()) if isinstance(event, LogEvent)}
)

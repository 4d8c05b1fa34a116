"""`/asyncapi.json`: the socket as AsyncAPI 3.0 describes it, made from the models of the wire.

The page `/docs/ws` shows this document and nothing beside it. What AsyncAPI has no word for is in `x-` fields: refused
handshakes, close codes and limits at the channel, a command's errors at its operation, all codes at the root.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel

from api import __version__
from api.broadcast.manager import SMALL_ROOM_MEMBERS
from api.domain.errors import ErrorCode
from api.domain.text import BODY_CHARS
from api.protocol.answers import Error, ack_of
from api.protocol.events import EVENTS
from api.protocol.fields import COMMAND_ID_CHARS_MAX, PAGE_LIMIT_MAX
from api.protocol.frames import CLIENT_FRAME_BYTES_MAX, SERVER_FRAME_BYTES_MAX, Json
from api.protocol.problems import CLOSES, PROTOCOL_CLOSES, SOCKET_ONLY, SPECS
from api.protocol.pushes import PUSHES
from api.rate_limiter import Rule
from api.services.messages import PAGE_BYTES_MAX
from api.ws.asyncapi import prose
from api.ws.asyncapi.schemas import frame_schemas, unwrapped
from api.ws.asyncapi.story import command_examples, error_examples, event_examples, push_examples
from api.ws.commands import COMMANDS, BaseCommand
from api.ws.deadlines import Pace
from api.ws.faults import IN_A_ROW_MAX, RATE_LIMITED_MAX, RATE_LIMITED_WINDOW_S
from api.ws.handshake import REFUSALS, SUBPROTOCOL

ASYNCAPI_VERSION: Final = "3.0.0"
STOP_FROM: Final = 4500
"""Close codes from here on are not for coming back."""

FRAME_ERRORS: Final = (
    ErrorCode.INVALID_FRAME,
    ErrorCode.UNKNOWN_TYPE,
    ErrorCode.VALIDATION_ERROR,
    ErrorCode.RATE_LIMITED,
)
"""What a frame that is no command may be answered with."""

_CHANNEL: Final = {"$ref": "#/channels/socket"}
_CORRELATION: Final = {"$ref": "#/components/correlationIds/command"}


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What a socket may take, and how long; `messages` is None where nothing is counted."""

    pace: Pace
    outbox_frames: int
    outbox_bytes: int
    connections_per_user: int
    messages: Rule | None


def describe(limits: SocketLimits) -> Json:
    """Build the document for a server with these limits."""
    acks: dict[type[BaseCommand], type[BaseModel]] = {command: ack_of(command.result) for command in COMMANDS}
    refs, schemas = frame_schemas([*COMMANDS, *dict.fromkeys(acks.values()), Error, *PUSHES, *EVENTS])
    messages = _messages(refs, acks)
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "id": "urn:chat-api:v1",
        "info": {
            "title": "Chat API, the WebSocket",
            "version": __version__,
            "description": prose.OVERVIEW,
            "license": {"name": "MIT"},
            "tags": [{"name": name, "description": text} for name, text in prose.TAGS.items()],
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {"socket": _channel(messages, limits)},
        "operations": _operations(),
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": _SECURITY_SCHEMES,
            "correlationIds": {
                "command": {
                    "description": "The `id` that the client chose for its command.",
                    "location": "$message.payload#/id",
                }
            },
        },
        "x-error-codes": [_code(code, None if code in SOCKET_ONLY else spec.status) for code, spec in SPECS.items()],
    }


_SECURITY_SCHEMES: Final[Json] = {
    "header": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": prose.BY_HEADER},
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": prose.BY_SUBPROTOCOL,
    },
    "ticket": {"type": "httpApiKey", "in": "query", "name": "ticket", "description": prose.BY_TICKET},
}


def _servers() -> Json:
    def server(protocol: str, host: str, description: str) -> Json:
        return {
            "host": "{host}",
            "protocol": protocol,
            "protocolVersion": "13",
            "description": description,
            "variables": {"host": {"default": host, "description": "Where the server is."}},
            "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY_SCHEMES],
        }

    return {
        "public": server("wss", "chat.example.com", "Behind a proxy that speaks TLS."),
        "local": server("ws", "127.0.0.1:8000", "As `make run` starts it."),
    }


def _channel(messages: Iterable[str], limits: SocketLimits) -> Json:
    text = {"type": "string"}
    return {
        "address": "/v1/ws",
        "title": "The socket",
        "description": prose.HANDSHAKE,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {
                    "type": "object",
                    "properties": {"ticket": {**text, "description": prose.BY_TICKET}},
                },
                "headers": {
                    "type": "object",
                    "properties": {
                        "Authorization": {**text, "pattern": "^[Bb]earer ", "description": prose.BY_HEADER},
                        "Sec-WebSocket-Protocol": {**text, "description": prose.BY_SUBPROTOCOL},
                        "Origin": {**text, "description": prose.ORIGIN},
                    },
                },
                "bindingVersion": "0.1.0",
            }
        },
        "x-subprotocol": SUBPROTOCOL,
        "x-handshake-refusals": [_code(code, status) for status, code in REFUSALS],
        "x-close-rule": prose.CLOSE_RULE,
        "x-close-codes": _close_codes(),
        "x-limits": _limits(limits),
    }


def _code(code: ErrorCode, status: int | None) -> Json:
    spec = SPECS[code]
    return {
        "code": code.value,
        "status": status,
        "title": spec.title,
        "retryable": spec.retryable,
        "meaning": spec.meaning,
    }


def _close_codes() -> list[Json]:
    own = [
        {
            "code": code.value,
            "reason": code.reason,
            "reconnect": code < STOP_FROM,
            "meaning": spec.meaning,
            "action": spec.action,
        }
        for code, spec in CLOSES.items()
    ]
    return own + [
        {"code": code, "reason": None, "reconnect": False, "meaning": spec.meaning, "action": spec.action}
        for code, spec in PROTOCOL_CLOSES.items()
    ]


def _limits(limits: SocketLimits) -> Json:
    pace, budget = limits.pace, limits.messages
    values: Mapping[str, int | None] = {
        "client_frame_bytes": CLIENT_FRAME_BYTES_MAX,
        "server_frame_bytes": SERVER_FRAME_BYTES_MAX,
        "command_id_chars": COMMAND_ID_CHARS_MAX,
        "body_chars": BODY_CHARS[1],
        "page_items": PAGE_LIMIT_MAX,
        "page_bytes": PAGE_BYTES_MAX,
        "messages": None if budget is None else budget.count,
        "messages_window_seconds": None if budget is None else budget.period_s,
        "connections_per_user": limits.connections_per_user,
        "heartbeat_ms": round(pace.heartbeat_s * 1000),
        "silence_ms": round(pace.heartbeat_s * 1000) + prose.SILENCE_MARGIN_MS,
        "pong_ms": round(pace.pong_s * 1000),
        "token_warning_ms": round(pace.token_warning_s * 1000),
        "buffer_frames": limits.outbox_frames,
        "buffer_bytes": limits.outbox_bytes,
        "stall_ms": round(pace.stall_s * 1000),
        "bad_frames_in_a_row": IN_A_ROW_MAX,
        "rate_limited_answers": RATE_LIMITED_MAX,
        "rate_limited_window_ms": round(RATE_LIMITED_WINDOW_S * 1000),
        "ephemeral_room_members": SMALL_ROOM_MEMBERS,
    }
    return {name: {"value": value, "meaning": prose.LIMITS[name]} for name, value in values.items()}


def _messages(refs: Mapping[type[BaseModel], Json], acks: Mapping[type[BaseCommand], type[BaseModel]]) -> Json:
    def message(name: str, model: type[BaseModel], examples: Sequence[Json], **more: Any) -> Json:  # noqa: ANN401 - JSON
        return {
            "name": name,
            "title": name,
            **_texts(model),
            "payload": refs[model],
            "examples": [{"payload": payload} for payload in examples],
            **more,
        }

    made: Json = {}
    stories = command_examples()
    for command in COMMANDS:
        name = _type(command)
        asked = {"type": name, "id": "c1", **stories[name].fields}
        answered = {"type": "ack", "id": "c1", "result": stories[name].result}
        made[name] = message(name, command, [asked], correlationId=_CORRELATION)
        made[f"{name}.ack"] = message("ack", acks[command], [answered], correlationId=_CORRELATION)
    made["error"] = message("error", Error, list(error_examples().values()), correlationId=_CORRELATION)
    for models, story in ((PUSHES, push_examples()), (EVENTS, event_examples())):
        for model in models:
            name = _type(model)
            made[name] = message(name, model, [story[name]])
    return made


def _operations() -> Json:
    def ref(message: str) -> Json:
        return {"$ref": f"#/channels/socket/messages/{message}"}

    def operation(action: str, tag: str, model: type[BaseModel], **more: Any) -> Json:  # noqa: ANN401 - JSON
        return {
            "action": action,
            "channel": _CHANNEL,
            "messages": [ref(_type(model))],
            **_texts(model),
            "tags": [{"name": tag}],
            **more,
        }

    made = {
        _type(command): operation(
            "receive",
            "commands",
            command,
            reply={"channel": _CHANNEL, "messages": [ref(f"{_type(command)}.ack"), ref("error")]},
            **{"x-errors": _codes(command.errors)},
        )
        for command in COMMANDS
    }
    made["error"] = operation(
        "send",
        "answers",
        Error,
        **{"x-errors": _codes(FRAME_ERRORS)},
    )
    made |= {_type(model): operation("send", "pushes", model) for model in PUSHES}
    made |= {_type(model): operation("send", "events", model) for model in EVENTS}
    return made


def _codes(codes: Iterable[ErrorCode]) -> list[str]:
    return [code.value for code in SPECS if code in set(codes)]


def _type(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["type"].annotation)[0])


def _texts(model: type[BaseModel]) -> Json:
    """Split a docstring into its first sentence and the rest."""
    first, _, rest = unwrapped(inspect.cleandoc(model.__doc__ or "")).partition("\n\n")
    summary, _, more = first.rstrip().partition(". ")
    description = "\n\n".join(part.strip() for part in (more, rest) if part.strip())
    return {"summary": summary.removesuffix(".")} | ({"description": description} if description else {})

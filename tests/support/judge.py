"""What /asyncapi.json says, held against everything that a test's connections hear.

Stricter than the document, which tells clients to ignore fields that they do not know: here such a field is a fault.
"""

from __future__ import annotations

import functools
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

import jsonschema_rs

from api.rate_limiter import Rule
from api.ws.asyncapi.document import SocketLimits, describe
from api.ws.deadlines import Pace
from config.settings import Settings

Json = dict[str, Any]

# RFC 6455: a goodbye, a node that ends without its drain, and what uvicorn says then.
OTHER_CLOSES: Final = frozenset({1000, 1001, 1012})
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_UUID_VERSION: Final = 7


class Description:
    """An AsyncAPI document with a validator for each of its messages."""

    def __init__(self, document: Json) -> None:
        """Compile the schemas once; that takes milliseconds."""
        self.document = document
        self.channel: Json = document["channels"]["socket"]
        schemas = {name: _strict(schema) for name, schema in document["components"]["schemas"].items()}
        self.schemas: Mapping[str, Json] = schemas
        self.validators = {
            name: jsonschema_rs.Draft7Validator(
                {**message["payload"], "components": {"schemas": schemas}},
                formats={"date-time": _is_time, "uuid": _is_uuid},
                validate_formats=True,
            )
            for name, message in document["components"]["messages"].items()
        }
        operations = document["operations"]
        self.commands = {name for name, one in operations.items() if one["action"] == "receive"}
        self.pushes = {name for name, one in operations.items() if one["action"] == "send"} - {"error"}
        self.errors = {name: set(one["x-errors"]) for name, one in operations.items() if "x-errors" in one}
        self.refusals = {(one["status"], one["code"]) for one in self.channel["x-handshake-refusals"]}
        self.closes = {one["code"]: one["reason"] for one in self.channel["x-close-codes"]}

    def check(self, message: str, frame: Json) -> None:
        """Assert that a frame is this message and nothing more."""
        faults = [f"{fault.instance_path}: {fault.message}" for fault in self.validators[message].iter_errors(frame)]
        assert not faults, f"not as described: {message}: {faults}: {frame}"


def limits_of(settings: Settings) -> SocketLimits:
    """Give the limits that a server with these settings describes."""
    pace = Pace(
        heartbeat_s=settings.heartbeat_seconds,
        pong_s=settings.pong_seconds,
        stall_s=settings.stall_seconds,
        token_warning_s=settings.token_warning_seconds,
    )
    return SocketLimits(
        pace,
        outbox_frames=settings.outbox_frames,
        outbox_bytes=settings.outbox_bytes,
        connections_per_user=settings.max_connections_per_user,
        messages=Rule.parse(settings.rate_limit_messages) if settings.rate_limits_enabled else None,
    )


@functools.cache
def description() -> Description:
    """Give what a server with default settings describes; the frames are the same with all of them."""
    return Description(describe(limits_of(Settings.load(None))))


class Judge:
    """Holds what one connection sends and hears against the description."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self._described = description()
        self._asked: dict[str, set[str]] = {}
        self.heard: set[str] = set()

    def asked(self, data: str | bytes) -> None:
        """Remember the type of a command that is sent: the answer depends on it."""
        try:
            frame = json.loads(data)
        except (ValueError, RecursionError):
            return
        if isinstance(frame, dict) and isinstance(frame.get("id"), str):
            self._asked.setdefault(frame["id"], set()).add(str(frame.get("type")))

    def received(self, frame: Json) -> None:
        """Assert that a frame is one of those that are described, and answers what was asked."""
        kind = str(frame.get("type"))
        if kind in {"ack", "error"}:
            self._answered(kind, frame)
            return
        assert kind in self._described.pushes, f"the description knows no push or event of this type: {frame}"
        self._hear(kind, frame)

    def _answered(self, kind: str, frame: Json) -> None:
        # An id that was not seen going out is one of a raw socket, which may have asked anything.
        asked = self._asked.get(frame.get("id") or "", self._described.commands)
        commands = asked & self._described.commands
        if kind == "ack":
            faults = []
            for command in sorted(commands):
                try:
                    self._hear(f"{command}.ack", frame)
                except AssertionError as fault:
                    faults.append(str(fault))
                else:
                    return
            raise AssertionError(f"the ack of no {' or '.join(sorted(asked))}: {faults or frame}")
        self._hear("error", frame)
        codes = set().union(self._described.errors["error"], *(self._described.errors[name] for name in commands))
        assert frame["code"] in codes, f"no such error of {' or '.join(sorted(asked))} is described: {frame}"

    def _hear(self, message: str, frame: Json) -> None:
        self._described.check(message, frame)
        self.heard.add(message)


def check_close(code: int, reason: str) -> None:
    """Assert that a close code which the server chose is described, with this reason."""
    closes = description().closes
    assert code in closes or code in OTHER_CLOSES, f"close code {code} {reason} is not described"
    if closes.get(code) is not None:
        assert reason == closes[code], f"{code} has the reason {closes[code]}, not {reason}"


def check_refusal(status: int, code: str) -> None:
    """Assert that a refused handshake is described."""
    assert (status, code) in description().refusals, f"no refusal {status} {code} is described"


def _strict(node: Any) -> Any:  # noqa: ANN401 - JSON is any
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {name: _strict(value) for name, value in node.items()}
    if node.get("type") == "object":
        strict["additionalProperties"] = False
    return strict


def _is_time(text: str) -> bool:
    return _TIME.fullmatch(text) is not None


def _is_uuid(text: str) -> bool:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return False
    return str(parsed) == text and parsed.version == _UUID_VERSION

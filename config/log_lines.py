"""The steps a log event passes: time stamp, exception as data, long and dangerous text tamed, rendering."""

import json
import math
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

import orjson
import pydantic_core
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

TEXT_LIMIT: Final = 256  # characters of one text field
_FRAMES: Final = 20
_CHAIN: Final = 5
_ITEMS: Final = 50
_DEPTH: Final = 12
# Beyond what JSON itself escapes: DEL, the C1 controls (terminals obey them), line separators, bidirectional overrides.
_UNSAFE: Final = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_UNSAFE_ON_SCREEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_QUERY: Final = re.compile(r"\?\S+")
# Wherever a client puts it: a JSON web token, and a text of the shape that refresh tokens and tickets have.
_TOKEN: Final = re.compile(r"eyJ[\w-]{8,}\.[\w.-]+|(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII)
_TOKEN_CHARS_MIN: Final = 43
_LOOKED_AT: Final = 1024  # characters of one text in which tokens are looked for, far beyond those that are shown
_SQL_TAIL: Final = re.compile(r"\s*\[(SQL|parameters): .*", re.DOTALL)


class Stamp:
    """Put the time, the level and the node in front, so that lines read well without a tool."""

    def __init__(self, node_id: str) -> None:
        self._node = {"node_id": node_id} if node_id else {}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        first = {"timestamp": now, "level": event.pop("level", "info"), "event": event.pop("event", "")}
        return {**first, **self._node, **event}


def structure_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Turn `exc_info` into a field `exception`, without the values of local variables."""
    error = _exception_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = describe_exception(error)
    return event


def describe_exception(error: BaseException, *, depth: int = 0) -> dict[str, Any]:
    """Describe an error, where it came from and what caused it, innermost frame last."""
    stack = [
        f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        "message": _message(error),
        "frames": stack[-_FRAMES:],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if depth < _CHAIN:
        if cause is not None:
            described["cause"] = describe_exception(cause, depth=depth + 1)
        if isinstance(error, BaseExceptionGroup):
            described["group"] = [describe_exception(part, depth=depth + 1) for part in error.exceptions[:_CHAIN]]
    return described


def cut_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut every text at 256 characters: what a client sent must not fill the log."""
    return {_cut(str(key)): _tame(value, 0) for key, value in event.items()}


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render one line of JSON that no text in it can break, whatever a client put there."""
    try:
        line = orjson.dumps(event, default=_shown, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):  # integers beyond 64 bits
        line = json.dumps(event, default=_shown, skipkeys=True, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def console_renderer(*, colors: bool) -> Processor:
    """Build the renderer of readable lines."""
    render = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=22, sort_keys=False)

    def render_safely(logger: WrappedLogger, method: str, event: EventDict) -> str:
        exception = event.pop("exception", None)
        lines = [str(render(logger, method, {key: _on_screen(value) for key, value in event.items()}))]
        if _is_described(exception):
            lines += _exception_lines(exception)
        return "\n".join(lines)

    return render_safely


def without_query(text: str) -> str:
    """Replace the query strings of addresses in a library's text: they may hold tickets."""
    return _QUERY.sub("?...", text)


def _exception_of(exc_info: ExcInfo | BaseException | bool | None) -> BaseException | None:  # noqa: FBT001 - stdlib's
    if isinstance(exc_info, BaseException):
        return exc_info
    return exc_info[1] if isinstance(exc_info, tuple) else None


def _message(error: BaseException) -> str:
    if isinstance(error, pydantic_core.ValidationError):
        return f"{error.error_count()} validation errors for {error.title}"  # its own text holds the input
    try:
        # The tail is the values of the parameters, message bodies among them.
        return without_query(_SQL_TAIL.sub("", str(error)))
    except Exception:  # noqa: BLE001 - an error that cannot say what it is
        return "<unprintable>"


def _cut(text: str) -> str:
    if len(text) >= _TOKEN_CHARS_MIN:
        text = _TOKEN.sub("…", text[:_LOOKED_AT])
    if not text.isascii():
        text = text.encode(errors="backslashreplace").decode()  # lone surrogates are no JSON elsewhere
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def _tame(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _cut(str(value))
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth < _DEPTH:
        if isinstance(value, Mapping):
            return {_cut(str(key)): _tame(item, depth + 1) for key, item in list(value.items())[:_ITEMS]}
        if isinstance(value, list | tuple | set | frozenset):
            return [_tame(item, depth + 1) for item in list(value)[:_ITEMS]]
    return _shown(value)


def _shown(value: object) -> str:
    try:
        return _cut(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
    except Exception:  # noqa: BLE001 - a value that cannot be shown is no reason to lose the line
        return f"<{type(value).__name__}>"


def _on_screen(value: object) -> object:
    return _UNSAFE_ON_SCREEN.sub(
        lambda match: f"\\u{ord(match[0]):04x}", value if isinstance(value, str) else str(value)
    )


def _is_described(exception: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(exception, dict) and "frames" in exception


def _exception_lines(described: dict[str, Any]) -> list[str]:
    lines = [f"    {_on_screen(frame)}" for frame in described["frames"]]
    lines.append(f"  {_on_screen(described['type'])}: {_on_screen(described['message'])}")
    for title, part in [("caused by", described.get("cause")), *(("among", one) for one in described.get("group", ()))]:
        if _is_described(part):
            lines += [f"  {title}:", *_exception_lines(part)]
    return lines

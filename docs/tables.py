"""Write the parts of the documents that the code knows best: settings, metrics, log events, error codes, close codes.

Run it after a change of any, from the root of the checkout: `.venv/bin/python docs/tables.py`. A test fails while a
page is out of date.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

ROOT: Final = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from api.log_events import CATALOGUE, LogEvent  # noqa: E402 - a script finds the packages beside its own folder only
from api.protocol.problems import CLOSES, PROTOCOL_CLOSES, SOCKET_ONLY, SPECS  # noqa: E402
from api.rest.metric_families import METRICS  # noqa: E402
from config.settings import Settings  # noqa: E402

_SECTION: Final = re.compile(r"^# --- (?P<title>[^(\n]+?)(?: \(.*\))?$|^(?P<name>CHAT_[A-Z_]+)=", re.MULTILINE)
_AREAS: Final[Mapping[str, str]] = {
    "auth": "Accounts",
    "user": "Users, by an operator's hand or their own",
    "room": "Rooms",
    "member": "Members",
    "ws": "Connections",
    "rate_limit": "Limits",
    "http": "Requests",
    "command": "Commands",
    "task": "Background work",
    "node": "The node",
    "store": "The database",
    "broadcast": "The way of the events",
    "dispatcher": "The way of the events",
    "log": "The log itself",
    "server": "Libraries",
}


def settings_tables() -> str:
    """Give one table for each section of `.env.example`, which has all settings in their order."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    parts: list[str] = []
    for found in _SECTION.finditer(example):
        if found["title"]:
            title = found["title"][0].upper() + found["title"][1:]
            parts.append(f"\n**{title}**\n\n| setting | default | meaning |\n|---|---|---|")
        else:
            parts.append(_setting_row(found["name"]))
    return "\n".join(parts).strip()


def log_sections() -> str:
    """Give every log event under the title of its area, in the order of the catalogue."""
    areas: dict[str, list[LogEvent]] = {}
    for event in CATALOGUE.values():
        areas.setdefault(_AREAS[event.name.partition(".")[0]], []).append(event)
    return "\n\n".join(
        f"### {title}\n\n" + "\n\n".join(_event_entry(event) for event in events) for title, events in areas.items()
    )


def close_code_table() -> str:
    """Give a row for each code that the server closes a socket with."""
    rows = ["| code | reason | meaning | what to do |", "|---|---|---|---|"]
    rows += [f"| {code.value} | `{code.reason}` | {spec.meaning} | {spec.action} |" for code, spec in CLOSES.items()]
    rows += [f"| {code} | | {spec.meaning} | {spec.action} |" for code, spec in PROTOCOL_CLOSES.items()]
    return "\n".join([*rows, "| any other | | | As 4000. |"])


def error_code_table() -> str:
    """Give a row for each error code."""
    rows = ["| status | code | retryable | meaning |", "|---|---|---|---|"]
    for code, spec in SPECS.items():
        status = "socket only" if code in SOCKET_ONLY else spec.status
        rows.append(f"| {status} | `{code.value}` | {'yes' if spec.retryable else 'no'} | {spec.meaning} |")
    return "\n".join(rows)


def metrics_table() -> str:
    """Give one row for each metric, in the order of its list."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.meaning} |"
        for metric in METRICS
    ]
    return "\n".join(["| metric | type | labels | meaning |", "|---|---|---|---|", *rows])


PAGES: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "docs/operations.md": {"settings": settings_tables, "metrics": metrics_table, "log events": log_sections},
    "docs/protocol.md": {"close codes": close_code_table, "error codes": error_code_table},
}


def with_tables(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Put what is up to date between the marks of a page."""
    for name, write in tables.items():
        begin, end = f"<!-- {name}: written by docs/tables.py -->", f"<!-- end of {name} -->"
        before, found_begin, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        if not found_begin or not found_end:
            raise ValueError(f"the page has no place for {name}")
        page = f"{before}{begin}\n\n{write()}\n\n{end}{after}"
    return page


def _setting_row(variable: str) -> str:
    field = Settings.model_fields[variable.removeprefix("CHAT_").lower()]
    choices = _choices(field.annotation)
    description = (field.description or "").replace("<", "&lt;")
    meaning = description if not choices else f"{', '.join(f'`{choice}`' for choice in choices)}. {description}"
    return f"| `{variable}` | {_default(field.default)} | {meaning} |"


def _choices(annotation: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever a field is declared as
    if get_origin(annotation) is Literal:
        return tuple(str(choice) for choice in get_args(annotation))
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())


def _default(value: object) -> str:
    if value in {"", ()}:
        return "(empty)"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _event_entry(event: LogEvent) -> str:
    fields = ", ".join(f"`{name}`" for name in event.fields)
    return f"#### `{event.name}` · {event.level}\n\n{event.meaning}  \nFields: {fields}.  \nDo: {event.action}"


if __name__ == "__main__":
    for path, tables in PAGES.items():
        page = ROOT / path
        page.write_text(with_tables(page.read_text(encoding="utf-8"), tables), encoding="utf-8")

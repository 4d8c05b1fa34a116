"""What is logged is in the catalogue, with the fields named there; what is in the catalogue is logged and explained."""

import ast
from collections.abc import Iterator

from api import log_events
from api.log_events import CATALOGUE, LogEvent
from tests.architecture.tree import REPOSITORY, modules, parsed_modules

CONSTANTS = {name: value for name, value in vars(log_events).items() if isinstance(value, LogEvent)}
# Written by `config.logging`, which knows nothing of `api`.
ELSEWHERE = {"log.lines_dropped", "server.log"}


def emits() -> Iterator[tuple[str, str, ast.Call]]:
    for name, module in parsed_modules():
        for node in ast.walk(module):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "emit"
                and isinstance(node.func.value, ast.Attribute)
                and ast.unparse(node.func.value.value) == "log_events"
            ):
                yield f"{name}:{node.lineno}", node.func.value.attr, node


def test_what_is_logged_is_in_the_catalogue_with_its_fields() -> None:
    faults = []
    for where, constant, call in emits():
        event = CONSTANTS.get(constant)
        if event is None:
            faults.append(f"{where}: {constant} is not in the catalogue")
            continue
        given = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
        faults += [f"{where}: {event.name} has no field {field}" for field in given - {"exc_info"} - set(event.fields)]
        if "exc_info" in given and "exception" not in event.fields:
            faults.append(f"{where}: {event.name} has no field exception")
    assert faults == []


def test_what_is_in_the_catalogue_is_logged() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in modules())
    unused = [name for name in CONSTANTS if f"log_events.{name}" not in sources]
    assert [CONSTANTS[name].name for name in unused if CONSTANTS[name].name not in ELSEWHERE] == []


def test_nothing_is_logged_past_the_catalogue() -> None:
    callers = {
        name
        for name, module in parsed_modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rsplit(".")[-1] in {"getLogger", "get_logger"}
        and name.startswith("api/")
    }
    # uvicorn's own logger is the server's: what it says comes out as server.log.
    assert {name for name in callers if not name.startswith("api/server/")} == {"api/log_events.py"}


def test_every_event_is_explained_to_operators() -> None:
    text = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [name for name in CATALOGUE if f"`{name}`" not in text] == []

"""docs/protocol.md is complete: every route, command, push, event, code and close code is there as the code has it."""

from __future__ import annotations

import json
import re
from typing import get_args

import pytest
from pydantic import BaseModel

from api.app import create_app
from api.domain.errors import ErrorCode
from api.domain.events import EventType
from api.protocol.problems import SOCKET_ONLY, SPECS, CloseCode
from api.rest.problems import FOR_USERS
from api.ws.commands import COMMANDS
from config.settings import Settings
from tests.docs.pages import blocks, page
from tests.support.described import documented_refusals

PROTOCOL = page("docs/protocol.md")
TABLE_ROWS = [line for line in PROTOCOL.splitlines() if line.startswith("| ")]
PUSHES = ["welcome", "heartbeat", "token.expiring", "server.draining", "room.joined", "room.left", "typing", "read"]


def row(name: str) -> str:
    """Give the row of a table whose first cell names this."""
    found = [line for line in TABLE_ROWS if f"`{name}`" in line.split(" | ")[0]]
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def served() -> list[tuple[str, str]]:
    paths = create_app(Settings.load(None)).openapi()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize(("method", "path"), served())
def test_every_route_has_a_row(method: str, path: str) -> None:
    assert [line for line in TABLE_ROWS if re.search(rf"`{method} {re.escape(path)}[`?]", line)] != []


def test_every_route_that_has_a_row_is_served() -> None:
    named = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?]*)", "\n".join(TABLE_ROWS)))
    assert named - set(served()) == {("GET", path) for path in ("/docs", "/openapi.json", "/docs/ws", "/asyncapi.json")}


ALL_BELOW_A_ROOM = {"forbidden", "banned"}  # section 5 says it once for all


def test_every_route_has_the_errors_of_its_own_that_its_row_names() -> None:
    general = {code.value for _, code in FOR_USERS}
    documented: dict[str, set[str]] = {}
    for refusal in documented_refusals():
        documented.setdefault(refusal.operation, set()).add(refusal.code)
    for operation, codes in documented.items():
        method, path = operation.split()
        (line,) = [line for line in TABLE_ROWS if re.search(rf"`{method} {re.escape(path)}[`?]", line)]
        named = set(re.findall(r"`([a-z_]+)`", line.split(" | ")[-1])) & set(ErrorCode)
        own = codes - general - ({"not_found"} if "{" in path else set())
        if operation != "GET /v1/rooms/{room_id}" and re.match(r"/v1/(rooms/\{|messages/)", path):
            assert own >= ALL_BELOW_A_ROOM, operation
            own -= ALL_BELOW_A_ROOM - named
        if path == "/v1/ws":
            refused = PROTOCOL.partition("**A refused handshake**")[2].partition("##")[0]
            named |= set(re.findall(r"`([a-z_]+)`", refused))
        assert own == named - general, operation
        assert named & general <= codes, operation


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_command_has_a_row_with_its_fields(command: type[BaseModel]) -> None:
    fields = command.model_fields
    (name,) = get_args(fields["type"].annotation)
    cells = row(name).split(" | ")
    for field, info in fields.items():
        if field not in {"type", "id"}:
            assert f"`{field}" + ("" if info.is_required() else "?") in cells[1], f"{name}: {field}"


@pytest.mark.parametrize("name", [*PUSHES, *(event.value for event in EventType)])
def test_every_push_and_event_has_a_row(name: str) -> None:
    row(name)


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.value)
def test_every_code_is_listed_with_its_status(code: ErrorCode) -> None:
    listing = PROTOCOL.partition("## 16. Codes")[2].partition("## 17.")[0]
    (line,) = [line for line in listing.splitlines() if line.split(" | ")[1:2] == [f"`{code.value}`"]]
    status, _, retryable, _meaning = line.strip("| ").split(" | ")
    assert status == ("socket only" if code in SOCKET_ONLY else str(SPECS[code].status))
    assert retryable == ("yes" if SPECS[code].retryable else "no")


@pytest.mark.parametrize("close", CloseCode, ids=lambda code: code.name)
def test_every_close_code_has_a_row_with_its_reason(close: CloseCode) -> None:
    assert [line for line in TABLE_ROWS if line.startswith(f"| {close.value} | `{close.reason}` |")] != []


def test_examples_in_json_are_json() -> None:
    for block in blocks(PROTOCOL):
        if block.language == "json":
            for example in re.split(r"\n(?=\{)", block.text.strip()):
                assert isinstance(json.loads(example), dict)


def test_the_objects_have_the_fields_that_are_shown() -> None:
    schemas = create_app(Settings.load(None)).openapi()["components"]["schemas"]
    (shown,) = [block.text for block in blocks(PROTOCOL) if block.text.startswith("User ")]
    flat = re.sub(r"me: \{[^}]*\} \| null", "me", shown)
    for name in ("User", "UserRef", "Session", "TokenPair", "Room", "Member", "Ban", "Message"):
        found = re.search(rf"^{name} +\{{([^}}]*)\}}", flat, re.MULTILINE)
        assert found is not None, name
        fields = [field.split()[0].rstrip(":") for field in found[1].split(",")]
        assert fields == list(schemas[name]["properties"]), name

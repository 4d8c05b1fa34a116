"""The description of the socket is whole: every command, push, event, code and limit, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import jsonschema_rs
import pytest

from api.domain.errors import ErrorCode
from api.domain.events import EventType
from api.protocol.problems import SPECS, CloseCode
from api.protocol.pushes import PUSHES
from api.ws.asyncapi.document import describe
from api.ws.commands import COMMANDS, KNOWN_TYPES
from config.settings import Settings
from tests.support.judge import Description, limits_of
from tests.unit.ws.asyncapi.documents import document

DOCUMENT = document()
CHANNEL = DOCUMENT["channels"]["socket"]
MESSAGES = DOCUMENT["components"]["messages"]
OPERATIONS = DOCUMENT["operations"]
PUSH_TYPES = {get_args(push.model_fields["type"].annotation)[0] for push in PUSHES}
EVENT_TYPES = {event.value for event in EventType}


def nodes(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - JSON is any
    if isinstance(node, dict):
        yield path, node
        for name, value in node.items():
            yield from nodes(value, f"{path}/{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nodes(value, f"{path}/{index}")


def at(reference: str) -> Any:  # noqa: ANN401 - JSON is any
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_it_is_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert list(DOCUMENT["channels"]) == ["socket"]
    assert CHANNEL["address"] == "/v1/ws"


def test_every_reference_leads_somewhere_and_stands_alone() -> None:
    references = [(path, node) for path, node in nodes(DOCUMENT) if "$ref" in node]
    assert references
    for path, node in references:
        assert list(node) == ["$ref"], f"{path}: what stands beside a reference is ignored"
        at(node["$ref"])


def test_there_is_an_operation_for_each_command_push_and_event_and_one_for_errors() -> None:
    received = {name for name, operation in OPERATIONS.items() if operation["action"] == "receive"}
    sent = {name for name, operation in OPERATIONS.items() if operation["action"] == "send"}
    assert received == KNOWN_TYPES
    assert sent == PUSH_TYPES | EVENT_TYPES | {"error"}


def test_every_message_has_the_type_that_it_is_called_by_and_belongs_to_an_operation() -> None:
    used = set()
    for name, operation in OPERATIONS.items():
        for message in (*operation["messages"], *operation.get("reply", {}).get("messages", [])):
            used.add(message["$ref"].removeprefix("#/channels/socket/messages/"))
        assert operation["messages"] == [{"$ref": f"#/channels/socket/messages/{name}"}]
    assert used == set(MESSAGES) == set(CHANNEL["messages"])
    for name, message in MESSAGES.items():
        kind = at(message["payload"]["$ref"])["properties"]["type"]["const"]
        assert kind == message["name"] == ("ack" if name.endswith(".ack") else name)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_command_is_answered_by_its_ack_or_by_an_error_with_one_of_its_codes(command: Any) -> None:  # noqa: ANN401
    (name,) = get_args(command.model_fields["type"].annotation)
    operation = OPERATIONS[name]
    replies = [reply["$ref"].rpartition("/")[2] for reply in operation["reply"]["messages"]]
    assert replies == [f"{name}.ack", "error"]
    assert set(operation["x-errors"]) == {code.value for code in command.errors}
    result = at(at(MESSAGES[f"{name}.ack"]["payload"]["$ref"])["properties"]["result"]["$ref"])
    assert list(result["properties"]) == list(command.result.model_fields)
    for message in (name, f"{name}.ack", "error"):
        assert at(MESSAGES[message]["correlationId"]["$ref"])["location"] == "$message.payload#/id"


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_one(name: str) -> None:
    jsonschema_rs.meta.validate(DOCUMENT["components"]["schemas"][name] | {"$schema": DRAFT_7})


DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def test_no_schema_uses_a_word_that_means_something_else_here() -> None:
    for path, node in nodes(DOCUMENT["components"]["schemas"]):
        assert not {"discriminator", "nullable", "$defs", "prefixItems"} & node.keys(), path


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_has_examples_that_are_exactly_as_described(name: str) -> None:
    assert MESSAGES[name]["examples"]
    for example in MESSAGES[name]["examples"]:
        Description(DOCUMENT).check(name, example["payload"])


def test_the_judge_of_frames_knows_a_wrong_one() -> None:
    described = Description(DOCUMENT)
    good = MESSAGES["message.created"]["examples"][0]["payload"]
    for bad in (
        good | {"more": 1},
        good | {"message": good["message"] | {"more": 1}},
        good | {"at": "2026-11-22T05:12:00Z"},
        good | {"room_id": "none"},
        good | {"seq": 0},
        {name: value for name, value in good.items() if name != "actor"},
    ):
        with pytest.raises(AssertionError, match=r"message\.created"):
            described.check("message.created", bad)


def test_clients_may_send_no_unknown_field_and_have_to_ignore_those_of_the_server() -> None:
    for name, message in MESSAGES.items():
        allowed = at(message["payload"]["$ref"]).get("additionalProperties", True)
        assert allowed is (name not in KNOWN_TYPES), name


def test_every_error_code_is_listed_with_all_that_a_client_wants_to_know() -> None:
    listed = DOCUMENT["x-error-codes"]
    assert [one["code"] for one in listed] == [code.value for code in SPECS]
    assert {one["code"] for one in listed} == {code.value for code in ErrorCode}
    for one in listed:
        spec = SPECS[ErrorCode(one["code"])]
        status = None if one["code"] in {"invalid_frame", "unknown_type"} else spec.status
        assert (one["status"], one["title"], one["retryable"]) == (status, spec.title, spec.retryable)
        assert one["meaning"].endswith(".")


def test_every_close_code_is_listed_with_what_to_do() -> None:
    listed = CHANNEL["x-close-codes"]
    own = {one["code"]: one["reason"] for one in listed if one["reason"] is not None}
    assert own == {code.value: code.reason for code in CloseCode}
    assert {one["code"] for one in listed} - own.keys() == {1002, 1007, 1009}
    for one in listed:
        assert one["reconnect"] is (4000 <= one["code"] < 4500)
        assert one["meaning"].endswith(".")
        assert one["action"].endswith(".")


def test_three_credentials_open_the_socket() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert list(schemes) == ["header", "subprotocol", "ticket"], "the first that is there counts"
    for server in DOCUMENT["servers"].values():
        assert [at(one["$ref"]) for one in server["security"]] == list(schemes.values())
    assert CHANNEL["bindings"]["ws"]["query"]["properties"].keys() == {"ticket"}


def test_the_limits_are_those_of_the_server() -> None:
    settings = Settings.load(None, heartbeat_seconds=7, rate_limit_messages="3/2 seconds", max_connections_per_user=4)
    limits = describe(limits_of(settings))["channels"]["socket"]["x-limits"]
    values = {name: limit["value"] for name, limit in limits.items()}
    assert (values["heartbeat_ms"], values["silence_ms"]) == (7000, 17_000)
    assert (values["messages"], values["messages_window_seconds"], values["connections_per_user"]) == (3, 2, 4)
    unlimited = describe(replace(limits_of(settings), messages=None))["channels"]["socket"]["x-limits"]
    assert unlimited["messages"]["value"] is None
    assert values.keys() == unlimited.keys()

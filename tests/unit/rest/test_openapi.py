"""`/openapi.json` is a document that tools can read, complete in itself, and its examples are true to it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs
from fastapi import FastAPI
from schemathesis.specs.openapi.definitions import OPENAPI_31

from api import __version__
from api.domain.errors import ErrorCode
from api.rest.openapi import add_openapi
from tests.support.described import Refusal, document, documented_refusals, operations, validator

OPERATION_IDS = {
    "POST /v1/auth/signup": "sign_up",
    "POST /v1/auth/login": "log_in",
    "POST /v1/auth/refresh": "refresh_tokens",
    "POST /v1/auth/logout": "log_out",
    "POST /v1/auth/password": "change_password",
    "GET /v1/auth/sessions": "list_sessions",
    "DELETE /v1/auth/sessions/{session_id}": "revoke_session",
    "POST /v1/auth/ws-ticket": "create_ws_ticket",
    "GET /v1/users/me": "get_me",
    "PATCH /v1/users/me": "update_me",
    "DELETE /v1/users/me": "delete_me",
    "GET /v1/users/{user_id}": "get_user",
    "GET /v1/users": "find_users",
    "GET /v1/rooms": "list_rooms",
    "POST /v1/rooms": "create_room",
    "GET /v1/rooms/{room_id}": "get_room",
    "PATCH /v1/rooms/{room_id}": "update_room",
    "DELETE /v1/rooms/{room_id}": "delete_room",
    "GET /v1/rooms/{room_id}/members": "list_members",
    "PUT /v1/rooms/{room_id}/members/{user_id}": "put_member",
    "DELETE /v1/rooms/{room_id}/members/{user_id}": "remove_member",
    "GET /v1/rooms/{room_id}/bans": "list_bans",
    "PUT /v1/rooms/{room_id}/bans/{user_id}": "ban_user",
    "DELETE /v1/rooms/{room_id}/bans/{user_id}": "unban_user",
    "POST /v1/rooms/{room_id}/messages": "send_message",
    "GET /v1/rooms/{room_id}/messages": "list_messages",
    "GET /v1/rooms/{room_id}/events": "list_events",
    "PUT /v1/rooms/{room_id}/read": "mark_read",
    "PATCH /v1/messages/{message_id}": "edit_message",
    "DELETE /v1/messages/{message_id}": "delete_message",
    "GET /v1/ws": "open_socket",
    "GET /healthz": "get_health",
    "GET /readyz": "get_readiness",
    "GET /metrics": "get_metrics",
}
SOCKET_ONLY = {ErrorCode.INVALID_FRAME, ErrorCode.UNKNOWN_TYPE}


def test_operation_ids_never_change() -> None:
    """Generated clients call their functions by them."""
    assert {name: operation["operationId"] for name, operation in operations().items()} == OPERATION_IDS


def test_the_document_is_openapi_3_1() -> None:
    errors = list(jsonschema_rs.Draft202012Validator(OPENAPI_31).iter_errors(document()))
    assert errors == []
    assert document()["openapi"].startswith("3.1")


def test_every_schema_is_one() -> None:
    for where, schema in schemas(document(), "#"):
        assert jsonschema_rs.meta.is_valid(schema), where


def test_every_reference_leads_somewhere_and_nothing_stands_there_for_nobody() -> None:
    referred = set(re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(document())))
    there = {(kind, name) for kind, items in document()["components"].items() for name in items}
    secured = {("securitySchemes", name) for name in document()["components"]["securitySchemes"]}
    unused = {("examples", code.value) for code in (*SOCKET_ONLY, ErrorCode.METHOD_NOT_ALLOWED)}
    assert referred - there == set()
    assert there - referred - secured == unused


def test_it_says_who_made_it_under_which_licence_and_where_it_is() -> None:
    info = document()["info"]
    assert (info["title"], info["version"]) == ("Chat API", __version__)
    assert info["license"] == {"name": "MIT", "identifier": "MIT"}
    assert [server["url"] for server in document()["servers"]] == ["/"], "wherever it was fetched from"


def test_every_operation_has_a_summary_a_description_and_a_described_tag() -> None:
    tags = {tag["name"]: tag["description"] for tag in document()["tags"]}
    for name, operation in operations().items():
        assert operation["summary"], name
        assert operation["description"], name
        assert all(tags[tag] for tag in operation["tags"]), name
        assert len(operation["tags"]) == 1, name
    assert {operation["tags"][0] for operation in operations().values()} == set(tags)


def test_fastapis_own_errors_are_nowhere() -> None:
    text = json.dumps(document())
    for word in ("HTTPValidationError", "Successful Response", "client_secret"):
        assert word not in text


def test_the_codes_are_one_closed_list() -> None:
    assert document()["components"]["schemas"]["Problem"]["properties"]["code"]["$ref"].endswith("/ErrorCode")
    assert document()["components"]["schemas"]["ErrorCode"]["enum"] == [code.value for code in ErrorCode]


def test_every_code_stands_at_an_operation_but_those_that_have_none() -> None:
    assert {code.value for code in ErrorCode} - {refusal.code for refusal in documented_refusals()} == {
        code.value for code in (*SOCKET_ONLY, ErrorCode.METHOD_NOT_ALLOWED)
    }


def test_tokens_are_asked_for_where_a_missing_one_is_refused() -> None:
    refusals = set(documented_refusals())
    for name, operation in operations().items():
        assert bool(operation.get("security")) is (Refusal(name, 401, "missing_token") in refusals), name
    assert operations()["GET /v1/users/me"]["security"] == [{"access_token": []}]
    assert operations()["GET /v1/ws"]["security"] == [{"access_token": []}, {"subprotocol": []}, {"ticket": []}]


def test_every_answer_has_the_headers_that_belong_to_its_status() -> None:
    limits = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"}
    belonging = {"401": {"WWW-Authenticate"}, "429": limits, "503": {"Retry-After"}}
    for name, operation in operations().items():
        for status, response in operation["responses"].items():
            is_problem = codes(response) and name != "GET /readyz"
            expected = {"X-Request-ID", *(belonging.get(status, ()) if is_problem else ())}
            assert expected <= response["headers"].keys(), f"{name} {status}"
            assert all(header["required"] for header in document()["components"]["headers"].values())


def test_every_example_is_valid() -> None:
    count = 0
    for where, schema, example in examples():
        errors = [error.message for error in validator(schema).iter_errors(example)]
        assert errors == [], f"{where}: {example}"
        count += 1
    assert count > 300


def test_every_body_and_every_answer_that_has_one_shows_an_example() -> None:
    for name, operation in operations().items():
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for described in (*bodies, *operation["responses"].values()):
            for media_type, media in described.get("content", {}).items():
                plain = {"text/plain"} if name == "GET /metrics" else set()
                assert media_type in {"application/json", "application/problem+json", FORM, *plain}, name
                assert list(examples_of(media)), f"{name}: {media}"


def test_of_a_problem_there_is_an_example_for_each_code() -> None:
    for name, operation in operations().items():
        for status, response in operation["responses"].items():
            if codes(response):
                shown = [example["code"] for example in examples_of(response["content"]["application/problem+json"])]
                assert shown == codes(response), f"{name} {status}"


async def test_the_document_is_made_once_however_many_ask_at_once() -> None:
    app = FastAPI(openapi_url=None)
    calls = 0
    plain = app.openapi

    def counted() -> dict[str, Any]:
        nonlocal calls
        calls += 1
        time.sleep(0.05)  # long enough for the others to come
        return plain()

    app.openapi = counted  # type: ignore[method-assign]
    add_openapi(app)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as http:
        answers = await asyncio.gather(*(http.get("/openapi.json") for _ in range(5)))
    assert calls == 1
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json()["openapi"].startswith("3.1")


def test_every_parameter_is_described() -> None:
    for operation, described in operations().items():
        parameters = described.get("parameters", [])
        assert all(parameter.get("description") for parameter in parameters), operation
        in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", operation))


FORM = "application/x-www-form-urlencoded"


def codes(response: dict[str, Any]) -> list[str]:
    schema = response.get("content", {}).get("application/problem+json", {}).get("schema", {})
    found: list[str] = schema.get("properties", {}).get("code", {}).get("enum", [])
    return found


def schemas(node: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - JSON
    """Give every schema: of components, parameters, headers, media types."""
    if isinstance(node, dict):
        if isinstance(node.get("schema"), dict):
            yield f"{where}/schema", node["schema"]
        for name, value in node.items():
            if where == "#/components/schemas":
                yield f"{where}/{name}", value
            yield from schemas(value, f"{where}/{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from schemas(value, f"{where}/{index}")


def examples_of(media: dict[str, Any]) -> Iterator[Any]:
    """Give the examples of a media type: its own, those of its schema, and of the model that the schema refers to."""
    if "example" in media:
        yield media["example"]
    for example in media.get("examples", {}).values():
        yield (referred(example["$ref"]) if "$ref" in example else example)["value"]
    schema = media["schema"]
    for part in (schema, *schema.get("anyOf", ())):
        if media.get("examples"):
            return  # of a problem these are more to the point than the model's
        yield from part.get("examples", ())
        if "$ref" in part:
            yield from referred(part["$ref"]).get("examples", ())


def referred(reference: str) -> dict[str, Any]:
    node: Any = document()
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    assert isinstance(node, dict)
    return node


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Give every example that stands anywhere, with its schema."""
    for where, schema in schemas(document(), "#"):
        for example in schema.get("examples", ()):
            yield where, schema, example
        for name, value in schema.get("properties", {}).items():
            for example in value.get("examples", ()):
                yield f"{where}/{name}", value, example
    for name, operation in operations().items():
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for described in (*bodies, *operation["responses"].values()):
            for media in described.get("content", {}).values():
                for example in examples_of(media):
                    yield name, media["schema"], example

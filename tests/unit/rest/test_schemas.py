"""What OpenAPI says of the routes of accounts."""

from typing import Any

import pytest
from fastapi import FastAPI

from api.middleware.rate_limit import HttpLimits
from api.rest import auth, users
from api.rest.schemas import add_problem_schema


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app, limits = FastAPI(), HttpLimits("1/minute", is_enabled=False)
    app.include_router(auth.build_router(limits, lambda _connection, _principal: None))
    app.include_router(users.build_router(limits))
    made = app.openapi()
    add_problem_schema(made)
    return made


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_these_are_the_routes_and_their_names(document: dict[str, Any]) -> None:
    assert {name: operation["operationId"] for name, operation in operations(document).items()} == {
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
    }


def test_every_refusal_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        responses = operation["responses"]
        assert {"422", "429", "500", "503"} <= responses.keys(), name
        assert ("security" in operation) is ("`missing_token`" in responses.get("401", {}).get("description", "")), name
        for status, response in responses.items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_the_codes_of_a_route_stand_under_their_status(document: dict[str, Any]) -> None:
    responses = operations(document)["DELETE /v1/users/me"]["responses"]
    assert responses["403"]["description"] == "Forbidden: `account_suspended`, `invalid_credentials`"
    assert responses["409"]["description"] == "Conflict: `last_owner`"
    assert "`session_revoked`" in responses["401"]["description"]


def test_every_reference_is_resolved(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    def look(node: object) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/components/schemas/") in schemas
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    look(document)
    assert {"User", "TokenPair", "Problem", "ErrorCode"} <= schemas.keys()
    assert "default" not in schemas["Problem"]["properties"]["retry_after_ms"]


def test_swagger_knows_how_to_log_in(document: dict[str, Any]) -> None:
    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == "/v1/auth/login"
    form = operations(document)["POST /v1/auth/login"]["requestBody"]["content"]
    assert list(form) == ["application/x-www-form-urlencoded"]

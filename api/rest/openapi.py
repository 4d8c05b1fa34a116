"""`/openapi.json`: what FastAPI knows of the routes, and what holds for all of them."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import __version__
from api.protocol.codec import encode
from api.rest.problems import HEADERS, Problem, problem_examples

_DESCRIPTION: Final = """\
Accounts, rooms and messages over REST; what happens comes live over one WebSocket, `GET /v1/ws`, whose frames are
described in [`/asyncapi.json`](/asyncapi.json).

**Getting in.** Sign up, log in, and send the access token along: `Authorization: Bearer <access_token>`. It lives for
15 minutes; the refresh token gives the next pair.

**Refusals** are problem documents (RFC 9457, `application/problem+json`). Go by `code`: it is one of a closed list, and
each answer here names the codes it may have. A path that does not exist is 404, one without this method 405 with
`Allow`.

**Requests** are JSON in UTF-8 of at most 64 KiB; a field that is not described is refused with 422. Ids are UUIDs,
times RFC 3339 in UTC with milliseconds.

**Limits.** Each user, or address where there is no user, has a budget. 429 says when to come back.

**Lists** are pages: `limit`, and `cursor`, which is the `next_cursor` of the page before.
"""

INFO: Final[dict[str, Any]] = {
    "title": "Chat API",
    "summary": "Accounts, rooms, messages: one ordered log per room, over REST and WebSocket.",
    "version": __version__,
    "description": _DESCRIPTION,
    "license_info": {"name": "MIT", "identifier": "MIT"},
    "servers": [{"url": "/", "description": "This server"}],
    "openapi_tags": [
        {"name": "auth", "description": "Signing up, logging in and out, tokens, sessions."},
        {"name": "users", "description": "The own account, and finding others."},
        {"name": "rooms", "description": "Public rooms anyone may join; private ones only their members know of."},
        {"name": "members", "description": "Who is in a room, with which role, and who may not be."},
        {"name": "messages", "description": "What is in a room's log, and how far one has read."},
        {"name": "socket", "description": "Tickets for the WebSocket, and its handshake."},
        {"name": "operations", "description": "For load balancers and monitoring; not limited."},
    ],
}
"""What the application is made with."""


def openapi_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Make the function that gives the document of an application."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(plain())
        return plain()

    return openapi


def add_openapi(app: FastAPI) -> None:
    """Serve the document, which is made at the first request."""
    made: list[bytes] = []
    making = threading.Lock()

    # No coroutine: making it takes most of a second, which the event loop has not got.
    def document(_request: Request) -> Response:
        with making:
            if not made:
                made.append(encode(app.openapi()))
        return Response(made[0], media_type="application/json")

    app.router.routes.append(Route("/openapi.json", document, include_in_schema=False))


def _complete(document: dict[str, Any]) -> None:
    """Add what no single route has: the shape of a problem, examples of all, the id in every answer."""
    components = document.setdefault("components", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components.setdefault("schemas", {}).update({**problem.pop("$defs"), "Problem": problem})
    components["headers"] = HEADERS
    components["examples"] = problem_examples()
    for schema in components["schemas"].values():
        for example in schema.get("examples", ()):
            _restore(example, schema, components["schemas"])
    for item in document["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                response.setdefault("headers", {})["X-Request-ID"] = {"$ref": "#/components/headers/X-Request-ID"}
                for media in response.get("content", {}).values():
                    _restore(media.get("example"), media["schema"], components["schemas"])


def _restore(example: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:  # noqa: ANN401 - JSON
    """Give an example what it has lost: Pydantic sorts its fields, FastAPI leaves out what is null."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "discriminator" in schema and isinstance(example, dict):
        schema = {"$ref": schema["discriminator"]["mapping"][example[schema["discriminator"]["propertyName"]]]}
        _restore(example, schema, schemas)
    elif isinstance(example, list):
        for item in example:
            _restore(item, schema.get("items", {}), schemas)
    elif isinstance(example, dict):
        required = schema.get("required", ())
        for name, described in schema.get("properties", {}).items():
            if name in example or name in required:
                example[name] = example.pop(name, None)
                for way in described.get("anyOf", (described,)):
                    _restore(example[name], way, schemas)

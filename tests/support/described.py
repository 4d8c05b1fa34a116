"""What `/openapi.json` says, to hold answers against: whatever a server of the tests answers has to stand there."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import httpx2
import jsonschema_rs

from api.app import create_app
from config.settings import Settings

PROBLEM: Final = "application/problem+json"
# A path or a method that does not exist has no operation: these are what it may get.
_ELSEWHERE: Final = frozenset({204, 400, 404, 405, 408, 413, 429, 500})

Json = dict[str, Any]


class Refusal(NamedTuple):
    """A problem that an operation may answer with."""

    operation: str
    status: int
    code: str


@functools.cache
def document() -> Json:
    """Make the document as the server does."""
    return create_app(Settings.load(None)).openapi()


@functools.cache
def operations() -> Mapping[str, Json]:
    """Give each operation by its method and path, such as `GET /v1/rooms/{room_id}`."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


def validator(schema: Json) -> jsonschema_rs.Validator:
    """Make a validator of a schema that may refer to the document's components."""
    return _validator(json.dumps(schema))


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Validator:
    whole = {**json.loads(schema), "components": document()["components"]}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


def documented_refusals() -> Iterator[Refusal]:
    """Give every problem that is documented."""
    for name, operation in operations().items():
        for status, response in operation["responses"].items():
            for code in codes_of(response):
                yield Refusal(name, int(status), code)


def codes_of(response: Json) -> list[str]:
    """Give the codes that a documented answer may have; none where it is no problem."""
    media = response.get("content", {}).get(PROBLEM)
    if media is None:
        return []
    codes: list[str] = media["schema"]["properties"]["code"]["enum"]
    return codes


def operation_of(method: str, path: str) -> str | None:
    """Find the operation of a request; None where there is none."""
    asked = "GET" if method == "HEAD" else method
    for pattern, name in _patterns():
        if pattern.fullmatch(f"{asked} {path}"):
            return name
    return None


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    # A path without a parameter stands before one that has one in its place: /v1/users/me is no user's id.
    ordered = sorted(operations(), key=lambda name: name.count("{"))
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(name))), name) for name in ordered]


async def hold_against_document(response: httpx2.Response) -> None:
    """Assert that an answer is documented: its status, headers, media type, body, and the code of a problem."""
    await response.aread()
    request = response.request
    path = request.url.path
    name = operation_of(request.method, path)
    shown = f"{request.method} {path}: {response.status_code} {dict(response.headers)} {response.text[:1000]}"
    if name is None:
        if path.startswith("/v1") and request.method != "OPTIONS":  # preflights are the middleware's
            assert response.status_code in _ELSEWHERE, f"no operation, and yet {shown}"
        return
    if name == "GET /metrics" and response.status_code == HTTPStatus.NOT_FOUND:
        return  # it is switched off on this server, and so not described there
    described = operations()[name]["responses"].get(str(response.status_code))
    assert described is not None, f"undocumented status: {shown}"
    for header in described["headers"]:
        value = response.headers.get(header)
        assert value is not None, f"no {header}: {shown}"
        schema = document()["components"]["headers"][header]["schema"]
        assert validator(schema).is_valid(int(value) if schema["type"] == "integer" else value), f"{header}: {shown}"
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    if "content" not in described:
        assert response.content == b"", f"a body that nobody described: {shown}"
        return
    assert media_type in described["content"], f"undocumented media type: {shown}"
    if media_type.endswith("json") and request.method != "HEAD":
        errors = list(validator(described["content"][media_type]["schema"]).iter_errors(response.json()))
        assert errors == [], f"{shown}\n{errors[0]}"

"""The check that is not schemathesis's own: what a schema allows is accepted, wherever a schema can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Operation -> the one field that may be refused although its schema allows it. Whatever else is refused is a failure.
BEYOND_SCHEMAS: Final[Mapping[str, tuple[str, str]]] = {
    # too common, the username, or shorter than the operators want
    "sign_up": ("body", "password"),
    "change_password": ("body", "new_password"),
    # opaque: good are only those that the server has given out
    "list_rooms": ("query", "cursor"),
    "list_members": ("query", "cursor"),
    "list_bans": ("query", "cursor"),
    # not together with before_seq, which OpenAPI cannot say of parameters
    "list_messages": ("query", "after_seq"),
    # not above the room's last_seq, which changes
    "mark_read": ("body", "seq"),
}


@schemathesis.check
def accepts_what_its_schema_allows(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Ask the built-in check, but for what no schema can say."""
    operation = case.operation.definition.raw["operationId"]
    if operation == "open_socket" and response.status_code == 426:
        return None  # an upgrade is nothing that this tool asks for
    if operation in BEYOND_SCHEMAS and response.status_code == 422:
        refused = {tuple(error["loc"]) for error in response.json()["errors"]}
        if refused == {BEYOND_SCHEMAS[operation]}:
            return None
    return positive_data_acceptance(ctx, response, case)

"""Errors: what was refused is a problem document or an `error` frame; what nobody foresaw is one line in the log."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import log_events
from api.domain.errors import ChatError, ErrorCode, FieldError, internal_error
from api.middleware.context import shown_path
from api.middleware.methods import allowed_methods
from api.middleware.rate_limit import http_limits_of
from api.protocol.codec import encode
from api.protocol.problems import PROBLEM_MEDIA_TYPE, problem, problem_headers

LOCATION_CHARS_MAX: Final = 64
ERRORS_MAX: Final = 20
RETRY_AFTER_MS: Final = 1000
FIELDS_MAX: Final = 64
"""An object with more is not looked into: each unknown field would be an error of its own, 6,000 in one frame."""

# Pydantic's messages that say nothing but the rule. Others quote the input (`union_tag_invalid` does so at any length),
# and what a next release words is not known; `value_error` is worded by this project's own rules.
_PLAIN_TYPES: Final = frozenset(
    (
        *("missing", "extra_forbidden", "json_invalid", "value_error", "literal_error", "enum"),
        *("too_many_fields", "repeated_field", "body_unreadable"),
        *("string_type", "string_too_short", "string_too_long", "string_pattern_mismatch", "string_unicode"),
        *("int_type", "int_parsing", "int_parsing_size", "int_from_float", "finite_number", "bool_type"),
        *("greater_than_equal", "less_than_equal", "model_type", "model_attributes_type", "dict_type"),
    )
)

_CODES = {
    400: ErrorCode.BAD_REQUEST,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.TOO_LARGE,
}


def problem_response(connection: HTTPConnection, error: ChatError) -> Response:
    """Answer a request or a handshake with an error; its code stays in the scope, for those who count and log."""
    connection.scope.setdefault("state", {})["refusal"] = error.code
    document = problem(error, request_id_of(connection))
    return Response(encode(document), document["status"], problem_headers(error), PROBLEM_MEDIA_TYPE)


def request_id_of(connection: HTTPConnection) -> str:
    """Find the id that the context middleware gave to the request."""
    return str(connection.scope.get("state", {}).get("request_id", ""))


def field_errors(found: Sequence[Any]) -> list[FieldError]:
    """Take from Pydantic's errors what a client may see: never the input, which may be a password.

    Of many errors these are the first 20.
    """
    return [
        FieldError(
            loc=[_short(part) for part in one["loc"]],
            msg=one["msg"] if one["type"] in _PLAIN_TYPES else "is not valid",
            type=one["type"],
        )
        for one in found[:ERRORS_MAX]
    ]


def too_many_fields(*loc: str) -> FieldError:
    """Build the one error for an object of more than 64 fields."""
    return FieldError(loc=list(loc), msg=f"must have at most {FIELDS_MAX} fields", type="too_many_fields")


def repeated_field(*loc: str) -> FieldError:
    """Build the error for a field that an object has twice: whoever looks at it next may take the other one."""
    return FieldError(loc=list(loc), msg="must be there once", type="repeated_field")


def unreadable_body() -> FieldError:
    """Build the error for a body that is not what its Content-Type says, or that nobody wants to take apart."""
    return FieldError(loc=["body"], msg="cannot be read", type="body_unreadable")


def _short(part: str | int) -> str | int:
    # The name of an unknown field is the client's own text, of any length.
    return part if isinstance(part, int) else part[:LOCATION_CHARS_MAX]


def add_error_handlers(app: FastAPI) -> None:
    """Answer everything that is raised with a problem document."""

    async def refused(connection: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, ChatError)  # noqa: S101 - the registration below says so
        return problem_response(connection, error)

    async def not_valid(connection: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - the registration below says so
        errors = field_errors(error.errors())
        return counted(connection, ChatError(ErrorCode.VALIDATION_ERROR, "The request is not valid.", errors=errors))

    async def framework_refused(connection: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - the registration below says so
        code = _CODES.get(error.status_code, ErrorCode.BAD_REQUEST)
        headers = dict(error.headers or {})
        if code is ErrorCode.METHOD_NOT_ALLOWED:
            headers["Allow"] = allowed_methods(app.router.routes, connection.scope)
            if connection.scope["method"] == "OPTIONS":
                return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        return counted(connection, ChatError(code, error.detail, status=error.status_code, headers=headers))

    def counted(connection: HTTPConnection, error: ChatError) -> Response:
        # It is refused before the decorator counts.
        try:
            http_limits_of(connection).count_refused(connection)
        except ChatError as exceeded:
            error = exceeded
        return problem_response(connection, error)

    app.add_exception_handler(ChatError, refused)
    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(HTTPException, framework_refused)


class UnforeseenErrorMiddleware:
    """Log what nobody foresaw, once and with its traceback, and answer 500 without a word of it.

    A request that the server has to give up at its end is answered `draining`, and its cancellation goes on. A client
    that has left before its answer is no fault.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; of sockets only the handshake, the rest has its own last resort."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        has_started = False
        loss: OSError | None = None

        async def send_noted(message: Message) -> None:
            nonlocal has_started, loss
            has_started = True
            try:
                await send(message)
            except OSError as error:  # what ASGI has for a client that is gone
                loss = error
                raise

        try:
            await self._app(scope, receive, send_noted)
        except (Exception, asyncio.CancelledError) as error:
            if loss is not None and _comes_of(error, loss):
                return
            is_given_up = isinstance(error, asyncio.CancelledError) and _is_being_cancelled()
            if not is_given_up:
                log_events.HTTP_ERROR.emit(method=scope.get("method", "GET"), path=shown_path(scope), exc_info=error)
            if not has_started:
                refused = _given_up() if is_given_up else internal_error()
                await problem_response(HTTPConnection(scope), refused)(scope, receive, send)
            if is_given_up:
                raise


def _comes_of(error: BaseException | None, loss: OSError) -> bool:
    while error is not None and error is not loss:
        error = error.__cause__ or error.__context__
    return error is not None


def _is_being_cancelled() -> bool:
    """Tell a request that the server gives up at its end from one whose own work was cancelled under its hands."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _given_up() -> ChatError:
    return ChatError(
        ErrorCode.DRAINING, "This server is going down, and this was not done in time.", retry_after_ms=RETRY_AFTER_MS
    )


def command_error(error: Exception, *, connection_id: str, user_id: str, command_type: str) -> ChatError:
    """Word what a command raised for its `error` frame: the message door."""
    if isinstance(error, ChatError):
        return error
    log_events.COMMAND_FAILED.emit(connection_id=connection_id, user_id=user_id, type=command_type, exc_info=error)
    return internal_error()

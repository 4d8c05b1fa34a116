"""Answers of the server itself, made before any application sees the request."""

from collections.abc import Iterable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, cast

from uuid_utils import uuid7
from websockets.datastructures import Headers
from websockets.http11 import Response

from api.broadcast.stats import Door, NodeStats
from api.domain.errors import ChatError, ErrorCode
from api.middleware.context import REQUEST_ID, REQUEST_ID_HEADER
from api.middleware.headers import SECURITY_HEADERS
from api.protocol import codec
from api.protocol.problems import PROBLEM_MEDIA_TYPE, SPECS, problem, problem_headers

_CODES = {
    HTTPStatus.METHOD_NOT_ALLOWED: ErrorCode.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_URI_TOO_LONG: ErrorCode.TOO_LARGE,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ErrorCode.TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR: ErrorCode.INTERNAL_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE: ErrorCode.DRAINING,
}
_DETAILS = {
    ErrorCode.INTERNAL_ERROR: "Something went wrong here.",
    ErrorCode.DRAINING: "This node is going down; another one will answer.",
}
_DRAINING_RETRY_MS = 1000


def code_of(status: int) -> ErrorCode:
    """Name the error that this status stands for."""
    return _CODES.get(HTTPStatus(status), ErrorCode.BAD_REQUEST)


def error_of(status: int, *, detail: str) -> ChatError:
    """Build the error that this status stands for.

    Args:
        detail: what is wrong with the request, where the status does not say it.
    """
    code = code_of(status)
    return ChatError(
        code,
        _DETAILS.get(code, detail),
        status=status if status != SPECS[code].status else None,
        retry_after_ms=_DRAINING_RETRY_MS if code is ErrorCode.DRAINING else None,
    )


def refusal(
    status: int,
    request_headers: Iterable[tuple[str, str]] = (),
    *,
    detail: str = "This is no valid WebSocket handshake (RFC 6455, section 4.1).",
) -> Response:
    """Build the problem document that answers a request with this status and ends the connection.

    Nothing of the request is repeated in it, but for an `X-Request-ID` that is one.

    Args:
        detail: as in `error_of`.
    """
    error = error_of(status, detail=detail)
    request_id = _request_id(request_headers)
    body = codec.encode(problem(error, request_id))
    headers = Headers(
        {
            "Date": formatdate(usegmt=True),
            "Connection": "close, Upgrade" if status == HTTPStatus.UPGRADE_REQUIRED else "close",
            "Content-Length": str(len(body)),
            "Content-Type": PROBLEM_MEDIA_TYPE,
            REQUEST_ID_HEADER: request_id,
            **SECURITY_HEADERS,
            **problem_headers(error),
        }
    )
    if status == HTTPStatus.UPGRADE_REQUIRED:
        headers.update({"Upgrade": "websocket", "Sec-WebSocket-Version": "13"})
    return Response(status, HTTPStatus(status).phrase, headers, body)


def count_refusal(app_state: Mapping[str, Any], door: Door, code: ErrorCode) -> None:
    """Count a refusal that the application never saw, where the lifespan has yielded what counts."""
    stats = cast("NodeStats | None", getattr(app_state.get("resources"), "stats", None))
    if stats is not None:
        stats.refusals[door, code] += 1


def _request_id(headers: Iterable[tuple[str, str]]) -> str:
    for name, value in headers:
        if name.lower() == REQUEST_ID_HEADER.lower() and REQUEST_ID.fullmatch(value):
            return value
    return str(uuid7())

"""Serve the description of the socket: `/asyncapi.json`, and the page `/docs/ws`."""

import functools
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from api.protocol.codec import encode
from api.ws.asyncapi.document import SocketLimits, describe
from api.ws.asyncapi.page import render

_STYLE: Final = Path(__file__).parent / "assets" / "page.css"
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


def add_socket_docs(app: FastAPI, limits: SocketLimits) -> None:
    """Serve the document and the page; both are made at the first request, and say these limits."""

    @functools.cache
    def made() -> tuple[bytes, str]:
        document = describe(limits)
        return encode(document), render(document)

    # No coroutines: making the document takes some 80 ms, which the event loop has not got.
    def document(_request: Request) -> Response:
        return Response(made()[0], media_type="application/json")

    def page(_request: Request) -> Response:
        return HTMLResponse(made()[1], headers=_PAGE_HEADERS)

    def style(_request: Request) -> Response:
        return Response(_STYLE.read_bytes(), headers=_PAGE_HEADERS, media_type="text/css")

    app.router.routes += [
        Route("/asyncapi.json", document, include_in_schema=False),
        Route("/docs/ws", page, include_in_schema=False),
        Route("/docs/ws/page.css", style, include_in_schema=False),
    ]

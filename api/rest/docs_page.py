"""`/docs`: the page that explains the REST API, made by Swagger UI from `/openapi.json`."""

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

_ASSETS: Final = Path(__file__).parent / "assets"
# Swagger UI styles itself from its script, and has its icons in data: URLs.
_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-cache",
}


def add_docs_page(app: FastAPI) -> None:
    """Serve `/docs` with all that it needs from here: it works without any other site."""
    app.router.routes += [
        Route("/docs", _page, include_in_schema=False),
        Mount("/docs/page", _Assets(directory=_ASSETS / "docs")),
        Mount("/docs/swagger", _Assets(directory=_ASSETS / "swagger")),
    ]


# No coroutine: it reads a file.
def _page(_request: Request) -> Response:
    return HTMLResponse((_ASSETS / "docs" / "index.html").read_bytes(), headers=_HEADERS)


class _Assets(StaticFiles):
    """Files of the page, under the page's own rules."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A part of a file is of no use to a page, and what Starlette says to a bad Range is no problem document.
        whole = {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}

        async def send_with_rules(message: Any) -> None:  # noqa: ANN401 - an ASGI message
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                del headers["Accept-Ranges"]
            await send(message)

        await super().__call__(whole, receive, send_with_rules)

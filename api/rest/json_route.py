"""How REST bodies are read: JSON in UTF-8 (RFC 8259 §8.1) and nothing else that Python's reader would guess."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.protocol.codec import decode


class _JsonRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - JSON is any
        return decode(await self.body())


class JsonRoute(APIRoute):
    """A route whose body is JSON in UTF-8."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's own handler."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return handle_json

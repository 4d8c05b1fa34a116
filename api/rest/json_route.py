"""How REST bodies are read: JSON in UTF-8 (RFC 8259 §8.1) and nothing else that Python's reader would guess.

The form of the log-in passes here too, and every query. No field may be there twice, in none of them (RFC 6749 §3.2
says so of forms).
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, ImmutableMultiDict
from starlette.exceptions import HTTPException

from api.middleware.errors import FIELDS_MAX, repeated_field, too_many_fields, unreadable_body
from api.protocol.codec import decode, repeated_key


class _JsonRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - JSON is any
        data = await self.body()
        body = decode(data)
        if isinstance(body, dict):
            if len(body) > FIELDS_MAX:
                raise RequestValidationError([too_many_fields("body")])
            repeated = repeated_key(data, len(body), body.values())
            if repeated is not None:
                raise RequestValidationError([repeated_field("body", repeated)])
        return body

    async def _get_form(self, **limits: Any) -> FormData:  # noqa: ANN401 - Starlette's
        form = await super()._get_form(**limits)
        repeated = _repeated(form)
        if repeated is not None:
            await form.close()
            raise RequestValidationError([repeated_field("body", repeated)])
        return form


def _repeated(fields: ImmutableMultiDict[str, Any]) -> str | None:
    seen: set[str] = set()
    for name, _ in fields.multi_items():
        if name in seen:
            return name
        seen.add(name)
    return None


class JsonRoute(APIRoute):
    """A route whose body is JSON in UTF-8."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's own handler."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            parameter = _repeated(request.query_params)
            if parameter is not None:
                raise RequestValidationError([repeated_field("query", parameter)])
            try:
                return await handle(_JsonRequest(request.scope, request.receive))
            except HTTPException as error:
                # FastAPI and Starlette say 400 to a body that cannot be read, and to whatever the reader raises.
                if error.status_code != HTTPStatus.BAD_REQUEST:
                    raise
                if isinstance(error.__cause__, RequestValidationError):
                    raise error.__cause__ from None
                raise RequestValidationError([unreadable_body()]) from None

        return handle_json

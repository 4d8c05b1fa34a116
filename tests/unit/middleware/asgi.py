"""The least of an ASGI server and of an application."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Answering:
    """An application that answers 200, or as it is told; keeps the scopes that came through."""

    def __init__(self, *messages: Message, error: BaseException | None = None) -> None:
        self.scopes: list[Scope] = []
        self._messages = messages or (
            {"type": "http.response.start", "status": 200, "headers": []},
            {"type": "http.response.body", "body": b"fine"},
        )
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.scopes.append(scope)
        if self._error is not None:
            raise self._error
        for message in self._messages:
            await send(message)


def http_scope(path: str = "/v1/rooms", *, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make the scope of a request."""
    named = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return {"type": "http", "method": "GET", "path": path, "headers": named, "client": ("192.0.2.1", 5), **more}


async def ask(app: ASGIApp, scope: Scope) -> list[Message]:
    """Send a request without a body; give what was answered."""
    answered: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        answered.append(message)

    await app(scope, receive, send)
    return answered


def headers_of(answered: list[Message]) -> dict[str, str]:
    """Give the headers of an answer."""
    return {name.decode().lower(): value.decode() for name, value in answered[0].get("headers", [])}

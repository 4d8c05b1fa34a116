"""A server that hands out tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

Handler = Callable[[httpx2.Request], Awaitable[httpx2.Response]]


def problem(status: int, code: str, **more: object) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "detail": "", "retryable": False} | more)


def pair(number: int, *, expires_in: float = 900) -> httpx2.Response:
    return httpx2.Response(
        200,
        json={
            "access_token": f"access{number}",
            "token_type": "bearer",
            "expires_in": expires_in,
            "refresh_token": f"refresh{number}",
            "refresh_expires_in": 2_592_000,
        },
    )


class Auth:
    """A server that hands out tokens; `handler` may be replaced."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.now = 1000.0
        self.issued = 1
        self.handler: Handler = self.answer
        self.gate: asyncio.Event | None = None

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.gate is not None:
            await self.gate.wait()
        match request.url.path:
            case "/v1/auth/login" | "/v1/auth/refresh":
                self.issued += 1
                return pair(self.issued)
            case "/v1/auth/logout":
                return httpx2.Response(204)
            case _:
                return httpx2.Response(200, json={"token": request.headers["Authorization"]})

    async def record(self, request: httpx2.Request) -> httpx2.Response:
        content = request.content.decode()
        is_json = request.headers.get("Content-Type", "").startswith("application/json")
        self.requests.append((request.url.path, json.loads(content) if is_json else content))
        return await self.handler(request)

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

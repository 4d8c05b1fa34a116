"""A connection whose other side is the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from chat_client.connection import Answer, Connection, OnAnswer
from chat_client.errors import ChatApiError, ChatClientError, ConnectionClosedError
from tests.unit.chat_client import wire


class FakeConnection:
    """Records commands; the test answers them, or `on_command` does at once."""

    def __init__(self) -> None:
        self.closed: ConnectionClosedError | None = None
        self.access_token = "access1"
        self.welcome = wire.welcome()
        self.commands: list[tuple[str, wire.Json, OnAnswer]] = []
        self.on_command: Callable[[str, wire.Json], Answer | None] | None = None
        self.failed_with: str | None = None

    @property
    def typed(self) -> Connection:
        return cast("Connection", self)

    async def start(self, kind: str, fields: wire.Json, on_answer: OnAnswer) -> None:
        await asyncio.sleep(0)
        if self.closed is not None:
            on_answer(self.closed)
            return
        answer = self.on_command(kind, fields) if self.on_command is not None else None
        if answer is not None:
            on_answer(answer)
        else:
            self.commands.append((kind, fields, on_answer))

    async def request(self, kind: str, fields: wire.Json) -> wire.Json:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        await self.start(kind, fields, answered.set_result)
        answer = await answered
        if isinstance(answer, ChatClientError):
            raise answer
        return answer

    def fail(self, reason: str) -> None:
        self.failed_with = reason

    def end(self, code: int = 1006) -> None:
        """End it, as `Connection.read` does."""
        self.closed = ConnectionClosedError(code, "")
        commands, self.commands = self.commands, []
        for _, _, on_answer in commands:
            on_answer(self.closed)


def refusal(code: str, *, retry_after_ms: int | None = None) -> ChatApiError:
    passing = code in {"rate_limited", "unavailable", "internal_error", "draining"}
    return ChatApiError(code, "", retryable=passing, retry_after_ms=retry_after_ms)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)

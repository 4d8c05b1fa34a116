"""Every way for a text into the server: over REST and over a socket."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from tests.server.conversation import Json, done, refused, unban
from tests.support.people import Person, fresh_password, fresh_username
from tests.support.sockets import Socket

Put = Callable[["Writer", str], Awaitable[str | None]]


@dataclass
class Writer:
    """Who writes, and what he writes into."""

    person: Person
    outlaw: Person
    socket: Socket
    room: Json
    message: Json

    async def rest(self, method: str, path: str, body: Mapping[str, Any]) -> httpx2.Response | None:
        """Send JSON in pure ASCII, so that lone surrogates get through; None for a `validation_error`."""
        answer = await self.person.http.request(
            method, path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        if answer.is_success:
            return answer
        refused(answer, "validation_error")
        return None

    async def command(self, kind: str, **fields: object) -> Json | None:
        """Send a command; gives its message, None for a `validation_error`."""
        frame = await self.socket.command(kind, **fields)
        if frame["type"] == "ack":
            message: Json = frame["result"]["message"]
            return message
        assert frame["code"] == "validation_error", frame
        await self.socket.ok("ping")  # so that the refusals are never twenty in a row
        return None


def _shown(answer: httpx2.Response | None, name: str) -> str | None:
    return None if answer is None else str(answer.json()[name])


async def _post(writer: Writer, text: str) -> str | None:
    path = f"/v1/rooms/{writer.room['id']}/messages"
    return _shown(await writer.rest("POST", path, {"body": text}), "body")


async def _patch(writer: Writer, text: str) -> str | None:
    return _shown(await writer.rest("PATCH", f"/v1/messages/{writer.message['id']}", {"body": text}), "body")


async def _send(writer: Writer, text: str) -> str | None:
    message = await writer.command("message.send", room_id=writer.room["id"], body=text)
    return None if message is None else str(message["body"])


async def _edit(writer: Writer, text: str) -> str | None:
    message = await writer.command("message.edit", message_id=writer.message["id"], body=text)
    return None if message is None else str(message["body"])


async def _new_name(writer: Writer, text: str) -> str | None:
    return _shown(await writer.rest("POST", "/v1/rooms", {"name": text, "visibility": "private"}), "name")


async def _change_name(writer: Writer, text: str) -> str | None:
    return _shown(await writer.rest("PATCH", f"/v1/rooms/{writer.room['id']}", {"name": text}), "name")


async def _new_topic(writer: Writer, text: str) -> str | None:
    body = {"name": "any", "topic": text, "visibility": "private"}
    return _shown(await writer.rest("POST", "/v1/rooms", body), "topic")


async def _change_topic(writer: Writer, text: str) -> str | None:
    return _shown(await writer.rest("PATCH", f"/v1/rooms/{writer.room['id']}", {"topic": text}), "topic")


async def _reason(writer: Writer, text: str) -> str | None:
    bans = f"/v1/rooms/{writer.room['id']}/bans"
    if await writer.rest("PUT", f"{bans}/{writer.outlaw.id}", {"reason": text}) is None:
        return None
    (item,) = done(await writer.person.http.get(bans))["items"]
    await unban(writer.person, writer.room, writer.outlaw)
    return str(item["reason"])


async def _sign_up(writer: Writer, text: str) -> str | None:
    body = {"username": fresh_username(), "password": fresh_password(), "display_name": text}
    return _shown(await writer.rest("POST", "/v1/auth/signup", body), "display_name")


async def _rename(writer: Writer, text: str) -> str | None:
    return _shown(await writer.rest("PATCH", "/v1/users/me", {"display_name": text}), "display_name")


@dataclass(frozen=True)
class Field:
    """One kind of text: how long it may be, whether it may hold line breaks and tabs, and the doors it comes by."""

    shortest: int
    longest: int
    has_lines: bool
    doors: Mapping[str, Put]


FIELDS: Final[Mapping[str, Field]] = {
    "body": Field(
        1,
        4_000,
        has_lines=True,
        doors={"POST messages": _post, "PATCH message": _patch, "message.send": _send, "message.edit": _edit},
    ),
    "room name": Field(1, 64, has_lines=False, doors={"POST rooms": _new_name, "PATCH room": _change_name}),
    "topic": Field(0, 256, has_lines=False, doors={"POST rooms": _new_topic, "PATCH room": _change_topic}),
    "reason": Field(0, 256, has_lines=False, doors={"PUT ban": _reason}),
    "display name": Field(1, 64, has_lines=False, doors={"POST signup": _sign_up, "PATCH me": _rename}),
}
DOORS: Final = [
    (f"{name} by {door}", field, put) for name, field in FIELDS.items() for door, put in field.doors.items()
]

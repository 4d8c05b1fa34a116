"""What tests of rooms say, ask and hear, in the words of the wire."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any, Final

import httpx2

from tests.support.people import Person
from tests.support.problems import check_problem
from tests.support.server import CANARY
from tests.support.sockets import Socket

Json = dict[str, Any]

STATUS_OF: Final = {
    "bad_request": 400,
    "forbidden": 403,
    "banned": 403,
    "invalid_credentials": 403,  # of a logged-in user
    "not_found": 404,
    "room_name_taken": 409,
    "too_many_rooms": 409,
    "last_owner": 409,
    "idempotency_conflict": 409,
    "resync_required": 409,
    "validation_error": 422,
}
UUID7: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NOBODY: Final = "01890000-0000-7000-8000-000000000000"  # a well-formed id that nothing has
MESSAGE_FIELDS: Final = frozenset(
    ["id", "room_id", "seq", "revision", "author", "body", "idempotency_key", "created_at", "edited_at", "deleted_at"]
)
ROOM_FIELDS: Final = frozenset(
    ["id", "name", "topic", "visibility", "epoch", "last_seq", "member_count", "created_at", "me"]
)


def done(response: httpx2.Response, status: int = 200) -> Json:
    """Assert success with this status; gives the answer's object ({} for 204)."""
    assert response.status_code == status, f"{response.request.method} {response.url}: {response.text}"
    if status == 204:
        assert response.content == b""
        return {}
    body = response.json()
    assert isinstance(body, dict)
    return body


def refused(response: httpx2.Response, *codes: str) -> Json:
    """Assert a problem document with one of these codes and the status that belongs to it; gives the document."""
    shown = f"{response.request.method} {response.url}: expected {codes}, got {response.status_code} {response.text}"
    assert response.status_code >= 400, shown
    code = response.json()["code"]
    assert code in codes, shown
    return check_problem(response, STATUS_OF[code], code)


async def say(person: Person, room: Json, body: str = f"{CANARY} hello", key: str | None = None) -> Json:
    """Post a new message over REST; gives it."""
    headers = {"Idempotency-Key": key} if key is not None else {}
    return done(
        await person.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": body}, headers=headers), status=201
    )


async def send(socket: Socket, room: Json, body: str = f"{CANARY} hello", **fields: object) -> Json:
    """Send a new message over a socket; gives it."""
    result = await socket.ok("message.send", room_id=room["id"], body=body, **fields)
    assert result["duplicate"] is False, result
    message: Json = result["message"]
    return message


async def edit(person: Person, message: Json, body: str) -> Json:
    """Edit a message over REST; gives it as it became."""
    return done(await person.http.patch(f"/v1/messages/{message['id']}", json={"body": body}))


async def delete(person: Person, message: Json) -> None:
    """Delete a message over REST."""
    done(await person.http.delete(f"/v1/messages/{message['id']}"), status=204)


async def read_room(person: Person, room: Json) -> Json:
    """Read a room."""
    return done(await person.http.get(f"/v1/rooms/{room['id']}"))


async def join(person: Person, room: Json) -> Json:
    """Join a public room; gives the `Member`."""
    return done(await person.http.put(f"/v1/rooms/{room['id']}/members/{person.id}", json={}))


async def add(actor: Person, room: Json, person: Person, role: str | None = None) -> Json:
    """Add somebody, or give a member this role; gives the `Member`."""
    body = {"role": role} if role is not None else {}
    return done(await actor.http.put(f"/v1/rooms/{room['id']}/members/{person.id}", json=body))


async def remove(actor: Person, room: Json, person: Person) -> None:
    """Remove somebody, or leave."""
    done(await actor.http.delete(f"/v1/rooms/{room['id']}/members/{person.id}"), status=204)


async def ban(actor: Person, room: Json, person: Person, **fields: object) -> None:
    """Ban somebody."""
    done(await actor.http.put(f"/v1/rooms/{room['id']}/bans/{person.id}", json=fields), status=204)


async def unban(actor: Person, room: Json, person: Person) -> None:
    """End a ban."""
    done(await actor.http.delete(f"/v1/rooms/{room['id']}/bans/{person.id}"), status=204)


async def log_of(person: Person, room: Json, after_seq: int = 0) -> list[Json]:
    """Read a room's log above `after_seq` over REST, all pages; it has no gap."""
    items: list[Json] = []
    while True:
        params = {"after_seq": after_seq + len(items), "limit": 200}
        page = done(await person.http.get(f"/v1/rooms/{room['id']}/events", params=params))
        items += page["items"]
        if not page["has_more"]:
            break
        assert page["items"], "a page that has more holds at least one item"
    assert seqs(items) == list(range(after_seq + 1, after_seq + len(items) + 1))
    return items


async def last_seq(person: Person, room: Json) -> int:
    """Read a room's last seq."""
    return int((await read_room(person, room))["last_seq"])


async def heard(socket: Socket, room: Json, until_seq: int, timeout_s: float = 10) -> list[Json]:
    """Take the room's events out of the inbox up to this seq, in the order of arrival, waiting for the last of them.

    Whatever of this room is no event (`typing`, `read`, `room.left`) is left out, and gone.
    """
    events: list[Json] = []
    while not events or events[-1]["seq"] < until_seq:
        frame = await socket.next(room_id=room["id"], timeout_s=timeout_s)
        if "seq" in frame:
            events.append(frame)
    return events


async def of_room(socket: Socket, room: Json) -> list[Json]:
    """Give everything of this room that the inbox holds, once the server has answered a ping behind it."""
    await socket.ok("ping")
    return [
        frame
        for frame in socket.inbox
        if frame.get("room_id") == room["id"] or frame.get("room", {}).get("id") == room["id"]
    ]


async def quiet(socket: Socket, room: Json) -> None:
    """Assert that nothing of this room is in the inbox, once the server has answered a ping behind it."""
    assert await of_room(socket, room) == []


def seqs(items: list[Json]) -> list[int]:
    """Give the seqs of events or messages."""
    return [item["seq"] for item in items]


def types(events: list[Json]) -> list[str]:
    """Give the types of frames."""
    return [event["type"] for event in events]


async def promote(person: Person) -> None:
    """Make somebody an admin on the command line, and wait until the running server knows."""
    run = await asyncio.to_thread(person.server.run_cli, "user", "promote", person.username)
    assert run.returncode == 0, run.stderr
    deadline = time.monotonic() + 5
    while True:
        if done(await person.http.get("/v1/users/me"))["role"] == "admin":
            return
        assert time.monotonic() < deadline, "the server does not notice the promotion"
        await asyncio.sleep(0.05)

"""The examples of requests are requests: sent as they stand they succeed, with ids and tokens of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.described import document, operations
from tests.support.inside import Inside, Insider, open_inside


def body_of(operation: str) -> dict[str, Any]:
    """Give the example of an operation's body."""
    (media,) = operations()[operation]["requestBody"]["content"].values()
    schemas = [media["schema"], *media["schema"].get("anyOf", ())]
    (reference,) = (schema["$ref"] for schema in schemas if "$ref" in schema)
    example = document()["components"]["schemas"][reference.rpartition("/")[2]]["examples"][0]
    assert isinstance(example, dict)
    return example


def parameter(operation: str, name: str) -> str:
    """Give the example of a parameter."""
    (found,) = [one for one in operations()[operation]["parameters"] if one["name"] == name]
    example = found["schema"]["examples"][0]
    assert isinstance(example, str)
    return example


class Reader:
    """Somebody who does what the document shows; what is answered is held against it by the client itself."""

    def __init__(self, inside: Inside) -> None:
        self.inside = inside
        self.sent: set[str] = set()
        self.token: str | None = None
        self.ids: dict[str, str] = {}

    async def send(self, operation: str, *, own: dict[str, str] | None = None, **request: Any) -> Any:  # noqa: ANN401
        """Send the example of an operation with these fields exchanged; gives the answer to what succeeded."""
        method, path = operation.split()
        http = await self.inside.client(self.token)
        if "requestBody" in operations()[operation]:
            self.sent.add(operation)
            is_form = "application/x-www-form-urlencoded" in operations()[operation]["requestBody"]["content"]
            request["data" if is_form else "json"] = body_of(operation) | (own or {})
        answer = await http.request(method, path.format(**self.ids), **request)
        assert answer.is_success, f"{operation}: {answer.text}"
        return answer.json() if answer.content else None

    async def enter(self, **own: str) -> dict[str, Any]:
        """Sign up and log in as the document shows."""
        await self.send("POST /v1/auth/signup", own=own)
        pair: dict[str, Any] = await self.send("POST /v1/auth/login", own=own)
        self.token = pair["access_token"]
        return pair


async def test_the_examples_of_requests_succeed_one_after_the_other(tmp_path: Path) -> None:
    async with open_inside(tmp_path) as inside:
        bob: Insider = await inside.person("bob")
        ada = Reader(inside)
        pair = await ada.enter()
        await ada.send("POST /v1/auth/refresh", own={"refresh_token": pair["refresh_token"]})
        await ada.send("PATCH /v1/users/me")
        found = await ada.send("GET /v1/users", params={"username": parameter("GET /v1/users", "username")})
        assert [user["username"] for user in found["items"]] == ["ada"]
        room = await ada.send("POST /v1/rooms")
        ada.ids = {"room_id": room["id"], "user_id": bob.id}
        assert (await ada.send("PATCH /v1/rooms/{room_id}"))["topic"] == body_of("PATCH /v1/rooms/{room_id}")["topic"]
        await ada.send("PUT /v1/rooms/{room_id}/members/{user_id}")
        for path in ("/v1/rooms", "/v1/rooms/{room_id}/members", "/v1/rooms/{room_id}/bans"):
            await ada.send(f"GET {path}", params={"cursor": parameter(f"GET {path}", "cursor")})
        send = "POST /v1/rooms/{room_id}/messages"
        key = {"Idempotency-Key": parameter(send, "Idempotency-Key")}
        message = await ada.send(send, headers=key)
        assert message == await ada.send(send, headers=key), "the key was known"
        ada.ids["message_id"] = message["id"]
        await ada.send("PATCH /v1/messages/{message_id}")
        await ada.send("PUT /v1/rooms/{room_id}/read")
        await ada.send("PUT /v1/rooms/{room_id}/bans/{user_id}")
        await ada.send("POST /v1/auth/password")
        leaver = Reader(inside)
        await leaver.enter(username="leaver")
        await leaver.send("DELETE /v1/users/me")
        with_body = {name for name, operation in operations().items() if "requestBody" in operation}
        assert ada.sent | leaver.sent == with_body, "none was left out"

"""Each code that a route documents as its own can be had from it, and no other can."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.domain.errors import ErrorCode
from api.rest.problems import FOR_ANYONE, FOR_MACHINES, FOR_USERS, WRONG_PASSWORD, problems
from tests.support.described import Refusal, documented_refusals, operation_of, operations
from tests.support.inside import PASSWORD, Inside, Insider, open_inside

NOBODY = "01890000-0000-7000-8000-000000000000"
ROOMS_MAX = 4
ORIGIN = {"Origin": "https://elsewhere.example.com"}
# Made by the handshake alone (tests/server/test_handshake*.py), or not to be had from one request.
ELSEWHERE = {
    *(Refusal("GET /v1/ws", *pair) for pair in ((401, "invalid_ticket"), (403, "origin_not_allowed"))),
    *(Refusal("GET /v1/ws", *pair) for pair in ((429, "connection_limit"), (431, "too_large"))),
    Refusal("POST /v1/auth/ws-ticket", 429, "connection_limit"),
}


class Provoker:
    """Asks for refusals, and keeps those it got."""

    def __init__(self, inside: Inside) -> None:
        self.inside = inside
        self.refused: set[Refusal] = set()

    async def ask(self, who: Insider | None, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401
        """Send a request as somebody."""
        http = who.http if who is not None else await self.inside.client()
        answer = await http.request(method, path, **request)
        if answer.status_code >= 400:
            name = operation_of(method, answer.request.url.path)
            assert name is not None
            self.refused.add(Refusal(name, answer.status_code, answer.json()["code"]))
        return answer


@pytest.fixture
async def provoker(tmp_path: Path) -> AsyncIterator[Provoker]:
    async with open_inside(tmp_path, max_rooms_per_user=ROOMS_MAX) as inside:
        yield Provoker(inside)


async def accounts(provoker: Provoker) -> None:
    """Provoke what is refused around accounts and sessions."""
    ask = provoker.ask
    ada = await provoker.inside.person("ada")
    account = {"username": "ADA", "password": PASSWORD}
    await ask(None, "POST", "/v1/auth/signup", json=account)
    await ask(None, "POST", "/v1/auth/login", data={"username": "ada", "password": "wrong"})
    await ask(None, "POST", "/v1/auth/refresh", json={"refresh_token": "x"})
    await ask(ada, "POST", "/v1/auth/password", json={"current_password": "wrong", "new_password": "a longer walk"})
    await ask(ada, "DELETE", f"/v1/auth/sessions/{NOBODY}")
    await ask(ada, "GET", f"/v1/users/{NOBODY}")
    await ask(ada, "DELETE", "/v1/users/me", json={"password": "wrong"})
    await ada.make_room()
    await ask(ada, "DELETE", "/v1/users/me", json={"password": PASSWORD})
    await ask(ada, "POST", "/v1/auth/ws-ticket", headers=ORIGIN)
    await ask(ada, "GET", "/v1/ws")
    spent = {"refresh_token": ada.refresh_token}
    successor = (await ask(None, "POST", "/v1/auth/refresh", json=spent)).json()["refresh_token"]
    await ask(None, "POST", "/v1/auth/refresh", json={"refresh_token": successor})
    await ask(None, "POST", "/v1/auth/refresh", json=spent)
    bob = await provoker.inside.person("bob")
    await provoker.inside.suspend(bob.user)
    await ask(None, "POST", "/v1/auth/login", data={"username": "bob", "password": PASSWORD})
    await ask(None, "POST", "/v1/auth/refresh", json={"refresh_token": bob.refresh_token})


async def below_rooms(provoker: Provoker) -> None:
    """Ask every route below a room, as a stranger to a private and a public one, and as somebody banned."""
    owner, stranger, banned = [await provoker.inside.person() for _ in range(3)]
    public, private = await owner.make_room(), await owner.make_room(visibility="private")
    assert (await owner.http.put(f"/v1/rooms/{public}/bans/{banned.id}")).status_code == 204
    for who, room_id in ((stranger, public), (stranger, private), (banned, public)):
        sent = await owner.http.post(f"/v1/rooms/{room_id}/messages", json={"body": "hello"})
        for name in operations():
            method, path = name.split()
            if "/rooms/{" in path or "/messages/{" in path:
                asked = path.format(room_id=room_id, message_id=sent.json()["id"], user_id=owner.id)
                await provoker.ask(who, method, asked, **BODIES.get(name, {}))


BODIES: dict[str, dict[str, Any]] = {
    "PATCH /v1/rooms/{room_id}": {"json": {"topic": "mine"}},
    "POST /v1/rooms/{room_id}/messages": {"json": {"body": "hello"}},
    "PUT /v1/rooms/{room_id}/read": {"json": {"seq": 1}},
    "PATCH /v1/messages/{message_id}": {"json": {"body": "hello"}},
}


async def conflicts(provoker: Provoker) -> None:
    """Provoke every 409 of rooms."""
    ask = provoker.ask
    ada, admin = await provoker.inside.person(), await provoker.inside.person()
    await provoker.inside.promote(admin.user)
    name = f"tea {secrets.token_hex(4)}"
    room_id = await ada.make_room(name=name)
    other_id = await ada.make_room()
    wanted = {"name": name.upper(), "visibility": "public"}
    await ask(ada, "POST", "/v1/rooms", json=wanted)
    await ask(ada, "PATCH", f"/v1/rooms/{other_id}", json={"name": name.upper()})
    await ask(ada, "PUT", f"/v1/rooms/{room_id}/members/{ada.id}", json={"role": "member"})
    await ask(ada, "DELETE", f"/v1/rooms/{room_id}/members/{ada.id}")
    await ask(admin, "PUT", f"/v1/rooms/{room_id}/bans/{ada.id}")
    for body in ("hello", "another"):
        await ask(
            ada, "POST", f"/v1/rooms/{room_id}/messages", json={"body": body}, headers={"Idempotency-Key": "one-key"}
        )
    await ask(ada, "GET", f"/v1/rooms/{room_id}/events", params={"epoch": "another"})
    for _ in range(ROOMS_MAX):
        await ask(ada, "POST", "/v1/rooms", json={"name": "x", "visibility": "private"})
    last_id = await (await provoker.inside.person()).make_room()
    await ask(ada, "PUT", f"/v1/rooms/{last_id}/members/{ada.id}")


PROVOCATIONS: tuple[Callable[[Provoker], Awaitable[None]], ...] = (accounts, below_rooms, conflicts)


async def test_every_code_that_a_route_documents_as_its_own_can_be_had_from_it(
    provoker: Provoker, tmp_path: Path
) -> None:
    for provoke in PROVOCATIONS:
        await provoke(provoker)
    closed_folder = tmp_path / "closed"
    closed_folder.mkdir()
    async with open_inside(closed_folder, signup="closed") as inside:
        closed = Provoker(inside)
        account = {"username": "ada", "password": PASSWORD}
        await closed.ask(None, "POST", "/v1/auth/signup", json=account)
    got = provoker.refused | closed.refused
    own = {refusal for refusal in documented_refusals() if not is_general(refusal)}
    assert len(own) > 60
    assert own - got == ELSEWHERE


def is_general(refusal: Refusal) -> bool:
    general = FOR_USERS if operations()[refusal.operation].get("security") else FOR_ANYONE
    return (refusal.status, ErrorCode(refusal.code)) in general


def statuses(responses: dict[int | str, dict[str, Any]]) -> dict[int | str, list[str]]:
    schemas = {
        status: response["content"]["application/problem+json"]["schema"] for status, response in responses.items()
    }
    assert all(schema["properties"]["status"] == {"const": status} for status, schema in schemas.items())
    return {status: schema["properties"]["code"]["enum"] for status, schema in schemas.items()}


def test_what_a_route_may_refuse_is_ordered_by_status_with_what_all_of_its_kind_may() -> None:
    assert statuses(problems(general=FOR_MACHINES)) == {
        400: ["bad_request"],
        408: ["bad_request"],
        413: ["too_large"],
        500: ["internal_error"],
        503: ["draining"],
    }
    anyone = statuses(problems(ErrorCode.FORBIDDEN, general=FOR_ANYONE))
    assert list(anyone) == [400, 403, 408, 413, 422, 429, 500, 503]
    assert (anyone[403], anyone[503]) == (["forbidden"], ["unavailable", "draining"])
    user = statuses(problems(WRONG_PASSWORD))
    assert user[401] == ["missing_token", "invalid_token", "token_expired", "session_revoked"]
    assert user[403] == ["invalid_credentials", "account_suspended"]


def test_a_code_with_a_status_of_another_has_an_example_of_its_own() -> None:
    (example,) = problems(WRONG_PASSWORD, general=())[403]["content"]["application/problem+json"]["examples"].values()
    assert example["$ref"].endswith("/invalid_credentials_403")


@pytest.mark.parametrize(
    ("path", "loc"),
    [
        ("/v1/rooms?cursor=x", ["query", "cursor"]),
        (f"/v1/rooms/{NOBODY}/messages?before_seq=x", ["query", "before_seq"]),
        (f"/v1/rooms/{NOBODY}/messages?after_seq=-1", ["query", "after_seq"]),
        (f"/v1/rooms/{NOBODY}/events?epoch=", ["query", "epoch"]),
        (f"/v1/rooms/{NOBODY}/members?limit=0", ["query", "limit"]),
        ("/v1/users/x", ["path", "user_id"]),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_refused_parameter_is_named_as_the_document_names_it(inside: Inside, path: str, loc: list[str]) -> None:
    """Nothing of how the server reads it stands in the answer."""
    ada = await inside.person()
    answer = await ada.http.get(path)
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_refused_header_is_named_as_the_document_names_it(inside: Inside) -> None:
    ada = await inside.person()
    room_id = await ada.make_room()
    answer = await ada.http.post(
        f"/v1/rooms/{room_id}/messages", json={"body": "hello"}, headers={"Idempotency-Key": "a b"}
    )
    assert [error["loc"] for error in answer.json()["errors"]] == [["header", "Idempotency-Key"]]

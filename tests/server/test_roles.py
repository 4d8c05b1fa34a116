"""Who may do what: every operation, by every kind of user, in public and in private rooms, over REST and socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import httpx2
import pytest

from tests.server.conversation import (
    Json,
    add,
    ban,
    done,
    join,
    last_seq,
    promote,
    refused,
    remove,
    say,
    unban,
)
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person

ROLES: Final = ("owner", "moderator", "member", "outsider", "banned", "admin")

# In a public room. "ok" or the codes that may refuse; "-": the contract does not say, or it is tested elsewhere.
# A private room answers `not_found` to outsider, banned and admin, whatever they ask; else it is as a public one.
REST: Final = """
                       owner      moderator   member      outsider    banned            admin
read room              ok         ok          ok          ok          ok                ok
change room            ok         ok          forbidden   forbidden   banned|forbidden  ok
delete room            -          forbidden   forbidden   forbidden   banned|forbidden  -
list members           ok         ok          ok          forbidden   banned            ok
list bans              ok         ok          forbidden   forbidden   banned            ok
read messages          ok         ok          ok          forbidden   banned            ok
read events            ok         ok          ok          forbidden   banned            ok
post message           ok         ok          ok          forbidden   banned            -
mark read              ok         ok          ok          forbidden   banned            -
join                   ok         ok          ok          ok          banned            -
add newcomer           ok         ok          forbidden   forbidden   banned            ok
add as moderator       ok         forbidden   forbidden   forbidden   banned            ok
add as owner           ok         forbidden   forbidden   forbidden   banned            ok
raise member           ok         forbidden   forbidden   forbidden   banned            ok
lower moderator        ok         forbidden   forbidden   forbidden   banned            ok
lower owner            ok         forbidden   forbidden   forbidden   banned            ok
raise himself          -          forbidden   forbidden   forbidden   banned            -
remove member          ok         ok          forbidden   forbidden   banned            ok
remove moderator       ok         forbidden   forbidden   forbidden   banned            ok
remove owner           ok         forbidden   forbidden   forbidden   banned            ok
ban member             ok         ok          forbidden   forbidden   banned            ok
ban moderator          ok         forbidden   forbidden   forbidden   banned            ok
ban owner              ok         forbidden   forbidden   forbidden   banned            ok
ban newcomer           ok         ok          forbidden   forbidden   banned            ok
unban                  ok         ok          forbidden   forbidden   banned            ok
edit another's         forbidden  forbidden   forbidden   forbidden   banned            forbidden
delete another's       ok         ok          forbidden   forbidden   banned            ok
"""
SOCKET: Final = """
                       owner      moderator   member      outsider    banned            admin
message.send           ok         ok          ok          forbidden   banned            -
message.edit           forbidden  forbidden   forbidden   forbidden   banned            forbidden
message.delete         ok         ok          forbidden   forbidden   banned            ok
history.get            ok         ok          ok          forbidden   banned            ok
read.mark              ok         ok          ok          forbidden   banned            -
typing.set             ok         ok          ok          forbidden   banned            -
"""


@dataclass
class Stage:
    """A room with one of each kind, and with people to whom things are done."""

    room: Json
    actors: dict[str, Person]
    low: Person  # a member
    mid: Person  # a moderator
    top: Person  # another owner
    newcomer: Person
    outlaw: Person  # a banned user
    message: Json  # of `low`

    @property
    def path(self) -> str:
        return f"/v1/rooms/{self.room['id']}"

    async def put_back(self) -> None:
        """Undo what an allowed operation did."""
        owner, http = self.actors["owner"], self.actors["owner"].http
        for someone in (self.low, self.mid, self.top, self.newcomer):
            await unban(owner, self.room, someone)
        await ban(owner, self.room, self.outlaw)
        roles = {
            item["user"]["id"]: item["role"]
            for item in done(await http.get(f"{self.path}/members", params={"limit": 200}))["items"]
        }
        wanted = {"member": (self.low, self.actors["member"]), "moderator": (self.mid, self.actors["moderator"])}
        wanted["owner"] = (self.top, owner)
        for role, people in wanted.items():
            for someone in people:
                if someone.id not in roles and self.room["visibility"] == "public":
                    await join(someone, self.room)
                if roles.get(someone.id) != role:
                    await add(owner, self.room, someone, role)
        for someone in (self.newcomer, self.actors["outsider"]):
            if someone.id in roles:
                await remove(owner, self.room, someone)
        self.message = await say(self.low, self.room, "of low")


Operation = Callable[[Stage, Person], Awaitable[httpx2.Response]]


def put_member(who: str, **body: str) -> Operation:
    return lambda stage, actor: actor.http.put(f"{stage.path}/members/{getattr(stage, who).id}", json=body)


def delete_member(who: str) -> Operation:
    return lambda stage, actor: actor.http.delete(f"{stage.path}/members/{getattr(stage, who).id}")


def put_ban(who: str) -> Operation:
    return lambda stage, actor: actor.http.put(f"{stage.path}/bans/{getattr(stage, who).id}", json={})


OPERATIONS: Final[dict[str, Operation]] = {
    "read room": lambda stage, actor: actor.http.get(stage.path),
    "change room": lambda stage, actor: actor.http.patch(stage.path, json={"topic": f"by {actor.username}"}),
    "delete room": lambda stage, actor: actor.http.delete(stage.path),
    "list members": lambda stage, actor: actor.http.get(f"{stage.path}/members"),
    "list bans": lambda stage, actor: actor.http.get(f"{stage.path}/bans"),
    "read messages": lambda stage, actor: actor.http.get(f"{stage.path}/messages"),
    "read events": lambda stage, actor: actor.http.get(f"{stage.path}/events?after_seq=0"),
    "post message": lambda stage, actor: actor.http.post(f"{stage.path}/messages", json={"body": "hi"}),
    "mark read": lambda stage, actor: actor.http.put(f"{stage.path}/read", json={"seq": 1}),
    "join": lambda stage, actor: actor.http.put(f"{stage.path}/members/{actor.id}", json={}),
    "add newcomer": put_member("newcomer"),
    "add as moderator": put_member("newcomer", role="moderator"),
    "add as owner": put_member("newcomer", role="owner"),
    "raise member": put_member("low", role="moderator"),
    "lower moderator": put_member("mid", role="member"),
    "lower owner": put_member("top", role="moderator"),
    "raise himself": lambda stage, actor: actor.http.put(f"{stage.path}/members/{actor.id}", json={"role": "owner"}),
    "remove member": delete_member("low"),
    "remove moderator": delete_member("mid"),
    "remove owner": delete_member("top"),
    "ban member": put_ban("low"),
    "ban moderator": put_ban("mid"),
    "ban owner": put_ban("top"),
    "ban newcomer": put_ban("newcomer"),
    "unban": lambda stage, actor: actor.http.delete(f"{stage.path}/bans/{stage.outlaw.id}"),
    "edit another's": lambda stage, actor: actor.http.patch(
        f"/v1/messages/{stage.message['id']}", json={"body": "mine now"}
    ),
    "delete another's": lambda stage, actor: actor.http.delete(f"/v1/messages/{stage.message['id']}"),
}


def expectations(table: str, visibility: str) -> list[tuple[str, str, str]]:
    """Read a table above: (operation, role, what is expected)."""
    cells = []
    for line in table.strip("\n").splitlines()[1:]:
        operation, wanted = line[:23].strip(), line[23:].split()
        assert len(wanted) == len(ROLES), line
        for role, cell in zip(ROLES, wanted, strict=True):
            outside = visibility == "private" and role in {"outsider", "banned", "admin"}
            cells.append((operation, role, "not_found" if outside else cell))
    return [cell for cell in cells if cell[2] != "-"]


async def set_stage(person: MakePerson, make_room: MakeRoom, visibility: str) -> Stage:
    people = await asyncio.gather(*(person() for _ in range(11)))
    actors = dict(zip(ROLES, people, strict=False))
    low, mid, top, newcomer, outlaw = people[len(ROLES) :]
    await promote(actors["admin"])
    room = await make_room(actors["owner"], visibility=visibility)
    for someone, role in ((actors["member"], "member"), (low, "member"), (mid, "moderator"), (top, "owner")):
        await add(actors["owner"], room, someone, role)
    await add(actors["owner"], room, actors["moderator"], "moderator")
    await ban(actors["owner"], room, actors["banned"])
    await ban(actors["owner"], room, outlaw)
    return Stage(room, actors, low, mid, top, newcomer, outlaw, await say(low, room, "of low"))


@pytest.mark.wire("forbidden")
@pytest.mark.wire("banned")
@pytest.mark.wire("not_found")
@pytest.mark.parametrize("visibility", ["public", "private"])
async def test_every_operation_and_command_by_every_kind_of_user(
    person: MakePerson, make_room: MakeRoom, visibility: str
) -> None:
    stage = await set_stage(person, make_room, visibility)
    for operation, role, expected in expectations(REST, visibility):
        before = await last_seq(stage.top, stage.room)
        answer = await OPERATIONS[operation](stage, stage.actors[role])
        if expected == "ok":
            assert answer.is_success, f"{operation} by {role}: {answer.text}"
            if answer.request.method != "GET":
                await stage.put_back()
        else:
            assert answer.is_client_error, f"{operation} by {role}: {answer.status_code}"
            refused(answer, *expected.split("|"))
            assert await last_seq(stage.top, stage.room) == before, f"{operation} by {role} left a trace"

    sockets = {role: await actor.connect() for role, actor in stage.actors.items()}
    for command, role, expected in expectations(SOCKET, visibility):
        before = await last_seq(stage.top, stage.room)
        frame = await sockets[role].command(command, **command_fields(stage)[command])
        if expected == "ok":
            assert frame["type"] == "ack", f"{command} by {role}: {frame}"
            if command == "message.delete":
                stage.message = await say(stage.low, stage.room, "of low")
        else:
            assert frame.get("code") in expected.split("|"), f"{command} by {role}: {frame}"
            assert await last_seq(stage.top, stage.room) == before, f"{command} by {role} left a trace"
    if visibility == "private":
        await assert_hidden(stage)


def command_fields(stage: Stage) -> dict[str, Json]:
    """Give the fields of each command that is about a room."""
    in_room = {"room_id": stage.room["id"]}
    return {
        "message.send": in_room | {"body": "hi"},
        "message.edit": {"message_id": stage.message["id"], "body": "mine now"},
        "message.delete": {"message_id": stage.message["id"]},
        "history.get": in_room | {"after_seq": 0},
        "read.mark": in_room | {"seq": 1},
        "typing.set": in_room | {"typing": True},
    }


async def assert_hidden(stage: Stage) -> None:
    """Assert that outsider, banned and former member get, but for its id, the answer to an id that nothing has."""
    await remove(stage.low, stage.room, stage.low)
    room_id = stage.room["id"]
    nothing = room_id[:-1] + ("0" if room_id[-1] != "0" else "1")
    for someone in (stage.actors["outsider"], stage.actors["banned"], stage.actors["admin"], stage.low):
        there = refused(await someone.http.get(stage.path), "not_found")
        absent = refused(await someone.http.get(f"/v1/rooms/{nothing}"), "not_found")
        assert there | {"request_id": ""} == absent | {"request_id": ""}
        assert room_id not in {item["id"] for item in done(await someone.http.get("/v1/rooms"))["items"]}

"""Who may do what: one table of every operation on something with an id, by every kind of user, and its stage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2

from tests.server.conversation import Json, add, ban, done, join, promote, remove, say, unban
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import Person, http_client

ROLES: Final = ("nobody", "outsider", "former", "banned", "member", "moderator", "owner", "admin")

# In a public room: "ok", or the code of the refusal; "-": there is no such case. `nobody` has no token, `former` left.
# Of a private room outsider, former, banned and admin get `not_found`, whatever they ask.
REST: Final = """
                    nobody         outsider   former     banned     member     moderator  owner      admin
read user           missing_token  ok         ok         ok         ok         ok         ok         ok
end session         missing_token  not_found  not_found  not_found  not_found  not_found  not_found  not_found
read room           missing_token  ok         ok         ok         ok         ok         ok         ok
change room         missing_token  forbidden  forbidden  banned     forbidden  ok         ok         ok
delete room         missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
list members        missing_token  forbidden  forbidden  banned     ok         ok         ok         ok
list bans           missing_token  forbidden  forbidden  banned     forbidden  ok         ok         ok
read messages       missing_token  forbidden  forbidden  banned     ok         ok         ok         ok
read events         missing_token  forbidden  forbidden  banned     ok         ok         ok         ok
post message        missing_token  forbidden  forbidden  banned     ok         ok         ok         ok
mark read           missing_token  forbidden  forbidden  banned     ok         ok         ok         forbidden
join                missing_token  ok         ok         banned     ok         ok         ok         ok
leave               missing_token  not_found  not_found  not_found  ok         ok         ok         not_found
add newcomer        missing_token  forbidden  forbidden  banned     forbidden  ok         ok         ok
add as moderator    missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
add as owner        missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
raise member        missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
lower moderator     missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
lower owner         missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
raise himself       missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
remove member       missing_token  forbidden  forbidden  banned     forbidden  ok         ok         ok
remove moderator    missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
remove owner        missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
ban member          missing_token  forbidden  forbidden  banned     forbidden  ok         ok         ok
ban moderator       missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
ban owner           missing_token  forbidden  forbidden  banned     forbidden  forbidden  ok         ok
ban newcomer        missing_token  forbidden  forbidden  banned     forbidden  ok         ok         ok
ban himself         missing_token  forbidden  forbidden  banned     forbidden  forbidden  forbidden  forbidden
unban               missing_token  forbidden  forbidden  banned     forbidden  ok         ok         ok
edit another's      missing_token  forbidden  forbidden  banned     forbidden  forbidden  forbidden  forbidden
delete another's    missing_token  forbidden  forbidden  banned     forbidden  ok         ok         ok
edit his own        -              -          forbidden  banned     ok         ok         ok         -
delete his own      -              -          forbidden  banned     ok         ok         ok         -
"""
# Nobody has no socket.
SOCKET: Final = """
                    nobody         outsider   former     banned     member     moderator  owner      admin
message.send        -              forbidden  forbidden  banned     ok         ok         ok         ok
message.edit        -              forbidden  forbidden  banned     forbidden  forbidden  forbidden  forbidden
message.delete      -              forbidden  forbidden  banned     forbidden  ok         ok         ok
history.get         -              forbidden  forbidden  banned     ok         ok         ok         ok
read.mark           -              forbidden  forbidden  banned     ok         ok         ok         forbidden
typing.set          -              forbidden  forbidden  banned     ok         ok         ok         ok
token.refresh       -              ok         ok         ok         ok         ok         ok         ok
ping                -              ok         ok         ok         ok         ok         ok         ok
"""
STRANGERS: Final = frozenset({"outsider", "former", "banned", "admin"})
"""Who does not know of a private room."""
NOT_OF_A_ROOM: Final = frozenset({"read user", "end session", "token.refresh", "ping"})


@dataclass
class Stage:
    """Rooms with one of each kind, and with people to whom things are done."""

    room: Json
    spare: Json  # to be deleted
    keeper: Person  # an owner of both, to whom nothing is done
    actors: dict[str, Person]
    low: Person  # a member
    mid: Person  # a moderator
    top: Person  # another owner
    newcomer: Person
    outlaw: Person  # a banned user
    session_id: str  # of `low`
    message: Json  # of `low`
    own: dict[str, Json]  # a message of each who is or was a member
    make_room: MakeRoom

    @property
    def path(self) -> str:
        """The room's path."""
        return f"/v1/rooms/{self.room['id']}"

    async def everything(self) -> list[Any]:
        """Read all that is stored of both rooms, as an owner sees it."""
        http = self.keeper.http
        pages = [f"{self.path}/{part}?limit=200" for part in ("members", "bans", "messages", "events")]
        paths = [self.path, *pages, f"/v1/rooms/{self.spare['id']}"]
        return [done(answer) for answer in await asyncio.gather(*(http.get(path) for path in paths))]

    async def put_back(self) -> None:
        """Undo what an allowed operation did."""
        keeper, actors = self.keeper, self.actors
        if (await keeper.http.get(f"/v1/rooms/{self.spare['id']}")).is_client_error:
            self.spare = await self.make_room(keeper, visibility=self.room["visibility"])
            await _furnish(self.spare, keeper, actors)
        everyone = [*(actors[role] for role in ROLES[1:]), self.low, self.mid, self.top, self.newcomer]
        wanted = {actors[role].id: role for role in ("member", "moderator", "owner")}
        wanted |= {self.low.id: "member", self.mid.id: "moderator", self.top.id: "owner"}
        banned = done(await keeper.http.get(f"{self.path}/bans?limit=200"))["items"]
        bans = {item["user"]["id"] for item in banned}
        for someone in (self.low, self.mid, self.top, self.newcomer):
            if someone.id in bans:
                await unban(keeper, self.room, someone)
        members = done(await keeper.http.get(f"{self.path}/members?limit=200"))["items"]
        roles = {item["user"]["id"]: item["role"] for item in members}
        for someone in everyone:
            role = wanted.get(someone.id)
            if role is None and someone.id in roles:
                await remove(someone if someone is actors["former"] else keeper, self.room, someone)
            elif role is not None and roles.get(someone.id) != role:
                if someone.id not in roles and self.room["visibility"] == "public":
                    await join(someone, self.room)  # who has left comes back only by himself
                await add(keeper, self.room, someone, role)
        if self.outlaw.id not in bans:
            await ban(keeper, self.room, self.outlaw)
        self.message = await say(self.low, self.room, "of low")


@dataclass(frozen=True)
class Operation:
    """One way to use a route: what the documentation calls the route, and the call."""

    route: str
    call: Callable[[Stage, str], Awaitable[httpx2.Response]]


def _operation(method: str, path: str, user: str = "", json: Json | None = None) -> Operation:
    """Build a call of a route; `user` says who stands in the path, `himself` or one of the stage."""

    async def call(stage: Stage, role: str) -> httpx2.Response:
        actor = stage.actors[role]
        ids = {
            "room_id": (stage.spare if method == "DELETE" and path.endswith("{room_id}") else stage.room)["id"],
            "user_id": "" if not user else (actor if user == "himself" else getattr(stage, user)).id,
            "session_id": stage.session_id,
            "message_id": stage.own.get(role, stage.message)["id"] if user == "himself" else stage.message["id"],
        }
        return await actor.http.request(method, path.format(**ids), json=json)

    return Operation(f"{method} {path}", call)


_ROOM: Final = "/v1/rooms/{room_id}"
_MEMBER: Final = "/v1/rooms/{room_id}/members/{user_id}"
_BAN: Final = "/v1/rooms/{room_id}/bans/{user_id}"
_MESSAGE: Final = "/v1/messages/{message_id}"
OPERATIONS: Final[Mapping[str, Operation]] = {
    "read user": _operation("GET", "/v1/users/{user_id}", "low"),
    "end session": _operation("DELETE", "/v1/auth/sessions/{session_id}"),
    "read room": _operation("GET", _ROOM),
    "change room": _operation("PATCH", _ROOM, json={"topic": "another"}),
    "delete room": _operation("DELETE", _ROOM),
    "list members": _operation("GET", f"{_ROOM}/members"),
    "list bans": _operation("GET", f"{_ROOM}/bans"),
    "read messages": _operation("GET", f"{_ROOM}/messages"),
    "read events": _operation("GET", f"{_ROOM}/events"),
    "post message": _operation("POST", f"{_ROOM}/messages", json={"body": "hi"}),
    "mark read": _operation("PUT", f"{_ROOM}/read", json={"seq": 1}),
    "join": _operation("PUT", _MEMBER, "himself", {}),
    "leave": _operation("DELETE", _MEMBER, "himself"),
    "add newcomer": _operation("PUT", _MEMBER, "newcomer", {}),
    "add as moderator": _operation("PUT", _MEMBER, "newcomer", {"role": "moderator"}),
    "add as owner": _operation("PUT", _MEMBER, "newcomer", {"role": "owner"}),
    "raise member": _operation("PUT", _MEMBER, "low", {"role": "moderator"}),
    "lower moderator": _operation("PUT", _MEMBER, "mid", {"role": "member"}),
    "lower owner": _operation("PUT", _MEMBER, "top", {"role": "moderator"}),
    "raise himself": _operation("PUT", _MEMBER, "himself", {"role": "owner"}),
    "remove member": _operation("DELETE", _MEMBER, "low"),
    "remove moderator": _operation("DELETE", _MEMBER, "mid"),
    "remove owner": _operation("DELETE", _MEMBER, "top"),
    "ban member": _operation("PUT", _BAN, "low", {}),
    "ban moderator": _operation("PUT", _BAN, "mid", {}),
    "ban owner": _operation("PUT", _BAN, "top", {}),
    "ban newcomer": _operation("PUT", _BAN, "newcomer", {}),
    "ban himself": _operation("PUT", _BAN, "himself", {}),
    "unban": _operation("DELETE", _BAN, "outlaw"),
    "edit another's": _operation("PATCH", _MESSAGE, json={"body": "mine now"}),
    "delete another's": _operation("DELETE", _MESSAGE),
    "edit his own": _operation("PATCH", _MESSAGE, "himself", {"body": "better"}),
    "delete his own": _operation("DELETE", _MESSAGE, "himself"),
}


def command_fields(stage: Stage, actor: Person) -> dict[str, Json]:
    """Give the fields of each command."""
    in_room = {"room_id": stage.room["id"]}
    return {
        "message.send": in_room | {"body": "hi"},
        "message.edit": {"message_id": stage.message["id"], "body": "mine now"},
        "message.delete": {"message_id": stage.message["id"]},
        "history.get": in_room | {"after_seq": 0},
        "read.mark": in_room | {"seq": 1},
        "typing.set": in_room | {"typing": True},
        "token.refresh": {"access_token": actor.access_token},
        "ping": {},
    }


def expectations(table: str, visibility: str) -> dict[str, dict[str, str]]:
    """Read a table above for rooms of this kind: by operation and role what is expected."""
    header, *lines = table.strip("\n").splitlines()
    assert tuple(header.split()) == ROLES
    wanted: dict[str, dict[str, str]] = {}
    for line in lines:
        operation, cells = line[:20].strip(), line[20:].split()
        row = {role: cell for role, cell in zip(ROLES, cells, strict=True) if cell != "-"}
        if visibility == "private" and operation not in NOT_OF_A_ROOM:
            row |= dict.fromkeys(row.keys() & STRANGERS, "not_found")
        wanted[operation] = row
    return wanted


async def set_stage(person: MakePerson, make_room: MakeRoom, visibility: str) -> Stage:
    """Make the people and the rooms."""
    people = await asyncio.gather(*(person() for _ in range(13)))
    actors = dict(zip(ROLES[1:], people, strict=False))
    low, mid, top, newcomer, outlaw, keeper = people[len(actors) :]
    actors["nobody"] = replace(newcomer, http=http_client(newcomer.server), sockets=[], sessions=[])
    newcomer.sessions.append(actors["nobody"])  # to be closed with him
    await promote(actors["admin"])
    room, spare = await make_room(keeper, visibility=visibility), await make_room(keeper, visibility=visibility)
    for someone, role in ((low, "member"), (mid, "moderator"), (top, "owner")):
        await add(keeper, room, someone, role)
    own = await _furnish(room, keeper, actors)
    await _furnish(spare, keeper, actors)
    await ban(keeper, room, outlaw)
    session_id = done(await low.http.get("/v1/auth/sessions"))["items"][0]["id"]
    message = await say(low, room, "of low")
    return Stage(room, spare, keeper, actors, low, mid, top, newcomer, outlaw, session_id, message, own, make_room)


async def _furnish(room: Json, keeper: Person, actors: Mapping[str, Person]) -> dict[str, Json]:
    """Give everybody his place in a room; gives a message of each who is or was a member."""
    own: dict[str, Json] = {}
    for name in ("former", "banned", "member", "moderator", "owner"):
        await add(keeper, room, actors[name], name if name in {"moderator", "owner"} else "member")
        own[name] = await say(actors[name], room, "own")
    await remove(actors["former"], room, actors["former"])
    await ban(keeper, room, actors["banned"])
    return own

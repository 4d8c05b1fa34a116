"""`chat user ...` beside a running server: what the operator does holds at once."""

from __future__ import annotations

import asyncio
import json
import secrets

import pytest

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import Person, fresh_password, fresh_username, http_client, login
from tests.support.problems import check_problem
from tests.support.raw import handshake
from tests.support.server import ServerProcess

# The contract gives a change of another process a second; the command itself ends when it is committed.
SECONDS = 1.5


def run(server: ServerProcess, *args: str, text: str | None = None) -> str:
    """Run `chat user ...`, which must succeed; gives what it printed: an answer on one stream, its log on the other."""
    result = server.run_cli("user", *args, input=text)
    assert result.returncode == 0, f"{args}: {result.stdout} {result.stderr}"
    assert len(result.stdout.splitlines()) == 1, result.stdout
    (line,) = map(json.loads, result.stderr.splitlines())
    assert line["event"].startswith("user.")
    return result.stdout + result.stderr


@pytest.mark.wire("close 4502")
@pytest.mark.wire("account_suspended")
async def test_suspending_closes_every_door_of_a_user(person: MakePerson, make_room: MakeRoom) -> None:
    ada, eve = await person(), await person()
    room = await make_room(eve, ada)
    other = await ada.second_session()
    sockets = [await ada.connect(), await ada.connect(by="subprotocol"), await other.connect()]
    ticket = await ada.ticket()

    run(ada.server, "suspend", ada.username)
    for socket in sockets:
        assert await socket.closed(timeout_s=SECONDS) == (4502, "account_suspended")
    check_problem(await ada.http.get("/v1/users/me"), 403, "account_suspended")
    check_problem(await other.http.get("/v1/rooms"), 403, "account_suspended")
    check_problem(await handshake(ada.server, token=ada.access_token), 403, "account_suspended")
    check_problem(await handshake(ada.server, target=f"/v1/ws?ticket={ticket}"), 403, "account_suspended")
    check_problem(await login(eve.http, ada.username, ada.password), 403, "account_suspended")
    answer = await eve.http.post("/v1/auth/refresh", json={"refresh_token": ada.refresh_token})
    check_problem(answer, 403, "account_suspended")
    for event in ("auth.refused", "ws.refused"):
        await ada.server.wait_for_log(event, code="account_suspended", user_id=ada.id)

    assert done(await eve.http.get(f"/v1/users/{ada.id}")) == ada.user, "others see no difference"
    members = done(await eve.http.get(f"/v1/rooms/{room['id']}/members"))["items"]
    assert ada.id in {member["user"]["id"] for member in members}, "a suspended user stays a member"


async def test_unsuspending_lets_the_user_log_in_again(person: MakePerson) -> None:
    ada = await person()
    run(ada.server, "suspend", ada.username)
    run(ada.server, "unsuspend", ada.username)
    ada.use(await ada.login())
    assert done(await ada.http.get("/v1/users/me")) == ada.user
    assert await (await ada.connect()).ok("ping")


async def test_promoting_and_demoting_a_user_holds_for_open_sockets_and_rest(
    person: MakePerson, make_room: MakeRoom
) -> None:
    ada, eve = await person(), await person()
    room = await make_room(eve)
    message = done(await eve.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "canary"}), status=201)
    socket = await ada.connect()
    assert (await socket.error("message.delete", message_id=message["id"]))["code"] == "forbidden"

    run(ada.server, "promote", ada.username)
    assert await _role(ada, wanted="admin") == "admin"
    done(await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "moderated"}))
    assert (await socket.ok("message.delete", message_id=message["id"]))["message"]["deleted_at"]
    assert (await ada.connect()).welcome["user"]["role"] == "admin"

    run(ada.server, "demote", ada.username)
    assert await _role(ada, wanted="user") == "user"
    check_problem(await ada.http.patch(f"/v1/rooms/{room['id']}", json={"topic": "x"}), 403, "forbidden")
    again = done(await eve.http.post(f"/v1/rooms/{room['id']}/messages", json={"body": "canary"}), status=201)
    assert (await socket.error("message.delete", message_id=again["id"]))["code"] == "forbidden"


@pytest.mark.wire("close 4500")
async def test_a_reset_password_revokes_all_sessions(person: MakePerson) -> None:
    ada = await person()
    other = await ada.second_session()
    sockets = [await ada.connect(), await other.connect()]
    password = fresh_password()
    printed = run(ada.server, "reset-password", ada.username, text=f"{password}\n{password}\n")
    assert password not in printed
    for socket in sockets:
        assert await socket.closed(timeout_s=SECONDS) == (4500, "session_revoked")
    for session in (ada, other):
        check_problem(await session.http.get("/v1/users/me"), 401, "session_revoked")
        answer = await session.http.post("/v1/auth/refresh", json={"refresh_token": session.refresh_token})
        check_problem(answer, 401, "invalid_token")
        check_problem(await handshake(ada.server, token=session.access_token), 401, "session_revoked")
    check_problem(await login(ada.http, ada.username, ada.password), 401, "invalid_credentials")
    assert (await login(ada.http, ada.username, password)).status_code == 200


async def test_a_user_made_by_the_operator_logs_in_even_where_sign_up_is_closed(server_with: MakeServer) -> None:
    server = server_with(SIGNUP="closed", DOCS_ENABLED="false", METRICS_ENABLED="false")
    name, password = fresh_username(), fresh_password()
    printed = run(server, "create", name, text=f"{password}\n{password}\n")
    assert password not in printed
    async with http_client(server) as http:
        tokens = done(await login(http, name, password))
        server.keep_secret(tokens["refresh_token"])
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        user = done(await http.get("/v1/users/me"))
        assert (user["username"], user["role"]) == (name, "user")
        assert [room["name"] for room in done(await http.get("/v1/rooms"))["items"]] == ["general"]


@pytest.mark.parametrize("command", ["unsuspend", "reset-password"])
def test_a_name_that_nobody_has_is_one_line_and_a_failure(server: ServerProcess, command: str) -> None:
    password = fresh_password()
    result = server.run_cli("user", command, fresh_username(), input=f"{password}\n{password}\n")
    assert result.returncode not in {0, None}
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    assert password not in result.stderr + result.stdout


async def test_a_user_is_named_in_any_case(person: MakePerson) -> None:
    ada = await person(f"Ada.{secrets.token_hex(5)}")
    run(ada.server, "suspend", ada.username.upper())
    check_problem(await login(ada.http, ada.username, ada.password), 403, "account_suspended")


def test_the_operator_keeps_the_rules_for_names_and_passwords(server: ServerProcess) -> None:
    for name, password in ((fresh_username(), "1qaz2wsx3edc4rfv"), ("no name", fresh_password())):
        result = server.run_cli("user", "create", name, input=f"{password}\n{password}\n")
        assert result.returncode != 0
        assert "Traceback" not in result.stderr
        assert password not in result.stderr + result.stdout


async def test_a_taken_name_cannot_be_made_again(person: MakePerson) -> None:
    ada = await person()
    password = fresh_password()
    result = ada.server.run_cli("user", "create", ada.username.upper(), input=f"{password}\n{password}\n")
    assert result.returncode != 0
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert (await login(ada.http, ada.username, ada.password)).status_code == 200


async def _role(person: Person, wanted: str) -> str:
    """Ask for the role until it is the wanted one, for as long as the contract allows."""
    role = ""
    for _ in range(int(SECONDS / 0.1)):
        role = str(done(await person.http.get("/v1/users/me"))["role"])
        if role == wanted:
            break
        await asyncio.sleep(0.1)
    return role

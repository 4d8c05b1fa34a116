"""Sessions: what a user sees of them, and how one is ended."""

from __future__ import annotations

import json

import httpx2
import pytest
from jose import jwt

from tests.server.conversation import NOBODY, TIME, UUID7, done
from tests.support.fixtures import MakePerson
from tests.support.people import Person, http_client
from tests.support.problems import check_problem
from tests.support.raw import handshake


def sid(person: Person) -> str:
    """Give the id of the person's session."""
    return str(jwt.get_unverified_claims(person.access_token)["sid"])


async def refresh(person: Person) -> httpx2.Response:
    """Refresh with the person's token, without an access token."""
    async with http_client(person.server) as http:
        return await http.post("/v1/auth/refresh", json={"refresh_token": person.refresh_token})


@pytest.mark.wire("POST /v1/auth/logout")
@pytest.mark.wire("session_revoked")
@pytest.mark.wire("close 4500")
async def test_a_logout_ends_this_session_alone_everywhere(person: MakePerson) -> None:
    ada = await person()
    other = await ada.second_session()
    first, second, others_socket = await ada.connect(), await ada.connect(by="ticket"), await other.connect()
    ticket = await ada.ticket()

    done(await ada.http.post("/v1/auth/logout"), status=204)
    assert await first.closed(timeout_s=1) == (4500, "session_revoked")
    assert await second.closed(timeout_s=1) == (4500, "session_revoked")
    check_problem(await ada.http.get("/v1/users/me"), 401, "session_revoked")
    check_problem(await ada.http.post("/v1/auth/logout"), 401, "session_revoked")
    check_problem(await refresh(ada), 401, "invalid_token")
    check_problem(await handshake(ada.server, token=ada.access_token), 401, "session_revoked")
    answer = await handshake(ada.server, target=f"/v1/ws?ticket={ticket}")
    check_problem(answer, 401, answer.json()["code"])
    assert answer.json()["code"] in {"session_revoked", "invalid_ticket"}

    assert await others_socket.ok("ping")
    assert [session["id"] for session in done(await other.http.get("/v1/auth/sessions"))["items"]] == [sid(other)]


@pytest.mark.wire("GET /v1/auth/sessions")
async def test_the_list_shows_every_live_session_and_marks_the_asking_one(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    other = await ada.second_session()
    async with http_client(ada.server, **{"User-Agent": "teapot/1.0 (kitchen)"}) as teapot:
        form = {"username": ada.username, "password": ada.password}
        ada.server.keep_secret(done(await teapot.post("/v1/auth/login", data=form))["refresh_token"])

    answer = done(await ada.http.get("/v1/auth/sessions"))
    assert answer.keys() == {"items"}
    sessions = {session["id"]: session for session in answer["items"]}
    assert len(sessions) == 3
    for session in sessions.values():
        assert session.keys() == {"id", "created_at", "last_used_at", "expires_at", "current", "user_agent"}
        assert UUID7.fullmatch(session["id"])
        for name in ("created_at", "last_used_at", "expires_at"):
            assert TIME.fullmatch(session[name])
        assert session["created_at"] <= session["last_used_at"] < session["expires_at"]
    assert [session["id"] for session in sessions.values() if session["current"]] == [sid(ada)]
    assert [s["user_agent"] for s in sessions.values() if s["id"] not in {sid(ada), sid(other)}] == [
        "teapot/1.0 (kitchen)"
    ]
    assert not sessions.keys() & {s["id"] for s in done(await eve.http.get("/v1/auth/sessions"))["items"]}


async def test_a_refresh_moves_the_last_use_and_the_end_of_a_session(person: MakePerson) -> None:
    ada = await person()
    (before,) = done(await ada.http.get("/v1/auth/sessions"))["items"]
    ada.use(done(await refresh(ada)))
    (after,) = done(await ada.http.get("/v1/auth/sessions"))["items"]
    assert after["created_at"] == before["created_at"]
    assert after["last_used_at"] > before["last_used_at"]
    assert after["expires_at"] > before["expires_at"]


@pytest.mark.wire("DELETE /v1/auth/sessions/{session_id}")
async def test_a_user_ends_another_of_his_sessions(person: MakePerson) -> None:
    ada = await person()
    other = await ada.second_session()
    socket, others_socket = await ada.connect(), await other.connect()
    done(await ada.http.delete(f"/v1/auth/sessions/{sid(other)}"), status=204)
    assert await others_socket.closed(timeout_s=1) == (4500, "session_revoked")
    check_problem(await other.http.get("/v1/users/me"), 401, "session_revoked")
    check_problem(await refresh(other), 401, "invalid_token")
    assert await socket.ok("ping")
    check_problem(await ada.http.delete(f"/v1/auth/sessions/{sid(other)}"), 404, "not_found")


@pytest.mark.wire("DELETE /v1/auth/sessions/{session_id}")
async def test_ending_the_own_session_from_the_list_is_a_logout(person: MakePerson) -> None:
    ada = await person()
    socket = await ada.connect()
    done(await ada.http.delete(f"/v1/auth/sessions/{sid(ada)}"), status=204)
    assert await socket.closed(timeout_s=1) == (4500, "session_revoked")
    check_problem(await ada.http.get("/v1/users/me"), 401, "session_revoked")


@pytest.mark.wire("DELETE /v1/auth/sessions/{session_id}")
async def test_sessions_of_others_and_unknown_ones_are_not_there(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    for session_id in (sid(ada), NOBODY):
        check_problem(await eve.http.delete(f"/v1/auth/sessions/{session_id}"), 404, "not_found")
    check_problem(await eve.http.delete("/v1/auth/sessions/me"), 422, "validation_error")
    assert (await ada.http.get("/v1/users/me")).status_code == 200


@pytest.mark.parametrize(
    "user_agent",
    [b'"}\\"], {"event": "forged.line"', b"\x1b[31mred\x1b[0m", b"\xff\xfe\xfa", b"x" * 2_000, b"tab\there"],
    ids=["json", "escape codes", "no UTF-8", "long", "tab"],
)
async def test_an_odd_user_agent_breaks_neither_the_list_nor_the_log(person: MakePerson, user_agent: bytes) -> None:
    ada = await person()
    form = {"username": ada.username, "password": ada.password}
    response = await ada.http.post("/v1/auth/login", data=form, headers=[(b"User-Agent", user_agent)])
    if response.status_code == 400:
        return  # a parser may refuse the header; it is no client's right to send it
    ada.use(done(response))
    (session,) = [s for s in done(await ada.http.get("/v1/auth/sessions"))["items"] if s["current"]]
    assert session["user_agent"] is None or len(session["user_agent"]) <= 512
    line = await ada.server.wait_for_log("auth.logged_in", session_id=session["id"])
    assert len(line["user_agent"]) <= 256
    assert not ada.server.find_logs("forged.line")
    json.dumps(session, ensure_ascii=True)

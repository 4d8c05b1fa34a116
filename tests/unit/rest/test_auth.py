"""`/v1/auth` through the whole application: what each route takes, answers and refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from api.protocol.timestamps import rfc3339
from tests.support.inside import PASSWORD, Inside, Insider, open_inside
from tests.support.people import fresh_username
from tests.support.problems import check_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def status_of(person: Insider) -> int:
    return (await person.http.get("/v1/users/me")).status_code


async def test_signing_up_makes_a_user_and_shows_no_password(inside: Inside) -> None:
    http, name = await inside.client(), fresh_username()
    answer = await http.post("/v1/auth/signup", json={"username": name, "password": PASSWORD, "display_name": " Ada "})
    assert answer.status_code == 201
    user = answer.json()
    assert user.keys() == {"id", "username", "display_name", "role", "created_at"}
    assert (user["username"], user["display_name"], user["role"]) == (name, "Ada", "user")
    again = await http.post("/v1/auth/signup", json={"username": name.upper(), "password": PASSWORD})
    check_problem(again, 409, "username_taken")


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"username": "ab"}, ["body", "username"]),
        ({"password": "short"}, ["body", "password"]),
        ({"display_name": "a\nb"}, ["body", "display_name"]),
        ({"role": "admin"}, ["body", "role"]),
        ({"username": None}, ["body", "username"]),
    ],
)
async def test_a_field_that_breaks_a_rule_is_named_and_not_repeated(
    inside: Inside, change: dict[str, object], loc: list[str]
) -> None:
    body = {"username": fresh_username(), "password": PASSWORD} | change
    document = check_problem(await (await inside.client()).post("/v1/auth/signup", json=body), 422, "validation_error")
    assert [error["loc"] for error in document["errors"]] == [loc]
    assert PASSWORD not in str(document)


async def test_logging_in_gives_tokens_that_no_cache_keeps_and_that_work(inside: Inside) -> None:
    person = await inside.person()
    form = {"username": person.user.username, "password": PASSWORD, "grant_type": "password", "scope": ""}
    answer = await (await inside.client()).post("/v1/auth/login", data=form)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"], tokens["refresh_expires_in"]) == ("bearer", 900, 2_592_000)
    fresh = await inside.client(tokens["access_token"])
    assert (await fresh.get("/v1/users/me")).json()["id"] == person.id


async def test_a_wrong_password_and_an_unknown_user_get_one_answer(inside: Inside) -> None:
    person, http = await inside.person(), await inside.client()
    answers = [
        check_problem(await http.post("/v1/auth/login", data=form), 401, "invalid_credentials")
        for form in (
            {"username": person.user.username, "password": "not the password"},
            {"username": fresh_username(), "password": PASSWORD},
            {"username": "no username at all", "password": PASSWORD},
        )
    ]
    assert len({str(answer | {"request_id": ""}) for answer in answers}) == 1


async def test_a_login_that_is_no_form_is_refused(inside: Inside) -> None:
    http = await inside.client()
    check_problem(await http.post("/v1/auth/login", json={"username": "a"}), 422, "validation_error")
    check_problem(await http.post("/v1/auth/login", data={"username": "a"}), 422, "validation_error")


async def test_a_suspended_user_is_told_so_at_the_right_password_only(inside: Inside) -> None:
    person, http = await inside.person(), await inside.client()
    await inside.suspend(person.user)
    form = {"username": person.user.username, "password": PASSWORD}
    check_problem(await http.post("/v1/auth/login", data=form), 403, "account_suspended")
    wrong = form | {"password": "not the password"}
    check_problem(await http.post("/v1/auth/login", data=wrong), 401, "invalid_credentials")
    refresh = {"refresh_token": person.refresh_token}
    check_problem(await http.post("/v1/auth/refresh", json=refresh), 403, "account_suspended")


async def test_a_refresh_token_is_exchanged_once(inside: Inside) -> None:
    person, http = await inside.person(), await inside.client()
    answer = await http.post("/v1/auth/refresh", json={"refresh_token": person.refresh_token})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    second = answer.json()["refresh_token"]
    assert (await http.post("/v1/auth/refresh", json={"refresh_token": second})).status_code == 200
    stolen = await http.post("/v1/auth/refresh", json={"refresh_token": person.refresh_token})
    check_problem(stolen, 401, "refresh_token_reused")
    check_problem(await person.http.get("/v1/users/me"), 401, "session_revoked")
    check_problem(await http.post("/v1/auth/refresh", json={"refresh_token": "x"}), 401, "invalid_token")


async def test_logging_out_ends_this_session_alone(inside: Inside) -> None:
    person = await inside.person()
    other = await inside.session(person.user)
    answer = await person.http.post("/v1/auth/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    check_problem(await person.http.get("/v1/users/me"), 401, "session_revoked")
    assert await status_of(other) == 200


async def test_a_new_password_ends_the_other_sessions(inside: Inside) -> None:
    person = await inside.person()
    other = await inside.session(person.user)
    new = "another horse battery"
    wrong = {"current_password": "not the password", "new_password": new}
    check_problem(await person.http.post("/v1/auth/password", json=wrong), 403, "invalid_credentials")
    too_plain = {"current_password": PASSWORD, "new_password": "password1234"}
    check_problem(await person.http.post("/v1/auth/password", json=too_plain), 422, "validation_error")
    assert await status_of(other) == 200

    answer = await person.http.post("/v1/auth/password", json={"current_password": PASSWORD, "new_password": new})
    assert answer.status_code == 204
    assert (await status_of(person), await status_of(other)) == (200, 401)
    form = {"username": person.user.username, "password": new}
    assert (await (await inside.client()).post("/v1/auth/login", data=form)).status_code == 200


async def test_sessions_are_listed_and_ended_one_by_one(inside: Inside) -> None:
    person, stranger = await asyncio.gather(inside.person(), inside.person())
    other = await inside.session(person.user)
    listed = (await person.http.get("/v1/auth/sessions")).json()["items"]
    assert [item["current"] for item in listed].count(True) == 1
    assert {item["user_agent"] for item in listed} == {"test/1"}
    assert all(item["created_at"] < item["expires_at"] for item in listed)
    (theirs,) = [item["id"] for item in listed if not item["current"]]

    check_problem(await stranger.http.delete(f"/v1/auth/sessions/{theirs}"), 404, "not_found")
    assert (await person.http.delete(f"/v1/auth/sessions/{theirs}")).status_code == 204
    assert (await status_of(person), await status_of(other)) == (200, 401)
    check_problem(await person.http.delete(f"/v1/auth/sessions/{theirs}"), 404, "not_found")
    check_problem(await person.http.delete("/v1/auth/sessions/first"), 422, "validation_error")
    assert [item["current"] for item in (await person.http.get("/v1/auth/sessions")).json()["items"]] == [True]


async def test_times_are_those_of_the_session(inside: Inside) -> None:
    person = await inside.person()
    (listed,) = (await person.http.get("/v1/auth/sessions")).json()["items"]
    (kept,) = await inside.resources.store.read(
        lambda rows: rows.sessions.of_user(person.id, inside.resources.clock_ms())
    )
    assert (listed["created_at"], listed["expires_at"]) == (rfc3339(kept.created_at_ms), rfc3339(kept.expires_at_ms))


async def test_a_ticket_is_for_one_handshake_and_no_cache(inside: Inside) -> None:
    person = await inside.person()
    answer = await person.http.post("/v1/auth/ws-ticket")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["expires_in"] == 30
    principal = await inside.resources.tickets.redeem(answer.json()["ticket"])
    assert principal.user.id == person.id


async def test_who_could_not_connect_gets_no_ticket(inside: Inside) -> None:
    person = await inside.person()
    elsewhere = {"Origin": "https://elsewhere.example"}
    check_problem(await person.http.post("/v1/auth/ws-ticket", headers=elsewhere), 403, "origin_not_allowed")


async def test_where_sign_up_is_closed_it_is_forbidden(tmp_path: Path) -> None:
    async with open_inside(tmp_path, signup="closed") as inside:
        body = {"username": "ada", "password": PASSWORD}
        check_problem(await (await inside.client()).post("/v1/auth/signup", json=body), 403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "logout"),
        ("POST", "password"),
        ("GET", "sessions"),
        ("DELETE", "sessions/01980000-0000-7000-8000-00000000beef"),
        ("POST", "ws-ticket"),
    ],
)
async def test_without_a_token_there_is_nothing_to_do(inside: Inside, method: str, path: str) -> None:
    answer = await (await inside.client()).request(method, f"/v1/auth/{path}")
    check_problem(answer, 401, "missing_token")

"""Changing the password: the other sessions end, this one stays."""

from __future__ import annotations

import httpx2
import pytest

from tests.server.conversation import done
from tests.support.fixtures import MakePerson
from tests.support.people import Person, fresh_password, login
from tests.support.problems import check_problem
from tests.support.server import CANARY

pytestmark = pytest.mark.wire("POST /v1/auth/password")


async def change(person: Person, current: str, new: str) -> httpx2.Response:
    """Ask for another password."""
    body = {"current_password": current, "new_password": new}
    return await person.http.post("/v1/auth/password", json=body)


async def test_a_new_password_revokes_every_other_session_and_keeps_this_one(person: MakePerson) -> None:
    ada = await person()
    other = await ada.second_session()
    socket, others_socket = await ada.connect(), await other.connect()
    new = fresh_password()

    done(await change(ada, ada.password, new), status=204)
    assert await others_socket.closed(timeout_s=1) == (4500, "session_revoked")
    check_problem(await other.http.get("/v1/users/me"), 401, "session_revoked")
    answer = await other.http.post("/v1/auth/refresh", json={"refresh_token": other.refresh_token})
    check_problem(answer, 401, "invalid_token")

    assert await socket.ok("ping")
    assert (await ada.http.get("/v1/users/me")).status_code == 200
    assert (await ada.http.post("/v1/auth/refresh", json={"refresh_token": ada.refresh_token})).status_code == 200
    check_problem(await login(ada.http, ada.username, ada.password), 401, "invalid_credentials")
    assert (await login(ada.http, ada.username, new)).status_code == 200


async def test_the_wrong_current_password_changes_nothing(person: MakePerson) -> None:
    ada = await person()
    other = await ada.second_session()
    response = await change(ada, fresh_password(), fresh_password())
    check_problem(response, 403, "invalid_credentials")
    assert (await other.http.get("/v1/users/me")).status_code == 200
    assert (await login(ada.http, ada.username, ada.password)).status_code == 200


@pytest.mark.parametrize(
    "new", [f"{CANARY}", f"{CANARY} " + "x" * 250, f"{CANARY} \u0000 {CANARY}", "1qaz2wsx3edc4rfv", "", "USERNAME"]
)
async def test_the_new_one_keeps_the_rules_and_is_not_repeated(person: MakePerson, new: str) -> None:
    ada = await person()
    other = await ada.second_session()
    wanted = ada.username if new == "USERNAME" else new
    response = await change(ada, ada.password, wanted)
    document = check_problem(response, 422, "validation_error")
    assert any("new_password" in entry["loc"] for entry in document["errors"])
    assert CANARY not in response.text
    assert (await other.http.get("/v1/users/me")).status_code == 200
    assert (await login(ada.http, ada.username, ada.password)).status_code == 200


@pytest.mark.parametrize("field", ["current_password", "new_password"])
async def test_missing_and_unknown_fields_are_refused(person: MakePerson, field: str) -> None:
    ada = await person()
    body = {"current_password": ada.password, "new_password": fresh_password()}
    check_problem(await ada.http.post("/v1/auth/password", json=body | {"user_id": "x"}), 422, "validation_error")
    del body[field]
    check_problem(await ada.http.post("/v1/auth/password", json=body), 422, "validation_error")
    assert (await login(ada.http, ada.username, ada.password)).status_code == 200

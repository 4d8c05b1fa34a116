"""Limits over REST and at the handshake: what counts, what a refusal says, and that it comes before any effect."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.people import Person, fresh_password, fresh_username, http_client, login, new_person, signup
from tests.support.problems import check_problem
from tests.support.raw import handshake
from tests.support.server import ServerProcess

pytestmark = pytest.mark.wire("rate_limited")


ORIGIN = "https://app.example.com"
STRICT = {
    "RATE_LIMITS_ENABLED": "true",
    "RATE_LIMIT_SIGNUP": "3/minute",
    "RATE_LIMIT_LOGIN": "3/minute",
    "RATE_LIMIT_REST": "40/minute",
    "RATE_LIMIT_HANDSHAKE": "4/minute",
}


@pytest.fixture
def limited(server_with: MakeServer) -> ServerProcess:
    """Give a server of strict limits, which believes the tests as it would a proxy: each has an address of its own."""
    return server_with(**STRICT, TRUSTED_PROXIES="127.0.0.1", ALLOWED_ORIGINS=ORIGIN)


@pytest.fixture
def address() -> dict[str, str]:
    """Give the header of an address that no other test has."""
    return {"X-Forwarded-For": f"192.0.{secrets.randbelow(256)}.{secrets.randbelow(256)}"}


@pytest_asyncio.fixture
async def people(limited: ServerProcess, address: dict[str, str]) -> AsyncIterator[MakePerson]:
    """Make people who come from this test's address."""
    made: list[Person] = []

    async def make(username: str | None = None, *, server: ServerProcess | None = None) -> Person:
        made.append(await new_person(server or limited, username, address))
        return made[-1]

    yield make
    for person in made:
        await person.close()


async def test_sign_ups_of_one_address_are_counted_and_refused_before_any_effect(
    limited: ServerProcess, address: dict[str, str]
) -> None:
    async with http_client(limited, **address) as http:
        for _ in range(3):
            assert (await signup(http, fresh_username(), fresh_password())).status_code == 201
        name, password = fresh_username(), fresh_password()
        refused = await signup(http, name, password)
        document = check_problem(refused, 429, "rate_limited")
        assert 0 < document["retry_after_ms"] <= 60_000
        assert refused.headers["X-RateLimit-Limit"] == "3"
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert 0 <= int(refused.headers["X-RateLimit-Reset"]) - time.time() <= 61
        check_problem(await login(http, name, password), 401, "invalid_credentials")
    await limited.wait_for_log("rate_limit.exceeded", limit="signup", client=address["X-Forwarded-For"])


async def test_failed_logins_lock_the_account_for_this_address_even_to_the_right_password(
    limited: ServerProcess, people: MakePerson
) -> None:
    ada, eve = await people(), await people()
    for _ in range(3):
        check_problem(await login(ada.http, ada.username, fresh_password()), 401, "invalid_credentials")
    wrong = check_problem(await login(ada.http, ada.username, fresh_password()), 429, "rate_limited")
    right = check_problem(await login(ada.http, ada.username.upper(), ada.password), 429, "rate_limited")
    assert wrong["detail"] == right["detail"]
    assert (await login(eve.http, eve.username, eve.password)).status_code == 200
    assert done(await ada.http.get("/v1/users/me")) == ada.user, "who is logged in stays so"
    await limited.wait_for_log("rate_limit.exceeded", limit="login")


async def test_a_stranger_locks_nobody_out_but_himself(limited: ServerProcess, people: MakePerson) -> None:
    ada = await people()
    async with http_client(limited, **{"X-Forwarded-For": "203.0.113.66"}) as attacker:
        for _ in range(3):
            check_problem(await login(attacker, ada.username, fresh_password()), 401, "invalid_credentials")
        check_problem(await login(attacker, ada.username, fresh_password()), 429, "rate_limited")
        assert (await login(ada.http, ada.username, ada.password)).status_code == 200
        check_problem(await login(attacker, ada.username, ada.password), 429, "rate_limited")


async def test_one_password_cannot_be_tried_on_every_account_from_one_address(
    limited: ServerProcess, address: dict[str, str]
) -> None:
    async with http_client(limited, **address) as sprayer:
        statuses = [(await login(sprayer, fresh_username(), fresh_password())).status_code for _ in range(35)]
    assert statuses == [401] * 30 + [429] * 5, "ten times what one account may"


async def test_an_unknown_account_is_limited_like_a_known_one(limited: ServerProcess, address: dict[str, str]) -> None:
    name = fresh_username()
    async with http_client(limited, **address) as http:
        for _ in range(3):
            check_problem(await login(http, name, fresh_password()), 401, "invalid_credentials")
        check_problem(await login(http, name, fresh_password()), 429, "rate_limited")


async def test_good_logins_do_not_count_as_failed_ones(limited: ServerProcess, people: MakePerson) -> None:
    ada = await people()
    for _ in range(6):
        await ada.login()


async def test_requests_are_counted_by_user_and_refused_before_any_effect(
    limited: ServerProcess, people: MakePerson
) -> None:
    ada, eve = await people(), await people()
    answers = [await ada.http.get("/v1/users/me") for _ in range(60)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == sorted(statuses)
    assert 30 <= statuses.count(200) <= 40  # the limit, less what was asked before
    check_problem(answers[-1], 429, "rate_limited")
    check_problem(await ada.http.patch("/v1/users/me", json={"display_name": "Nobody"}), 429, "rate_limited")
    assert done(await eve.http.get(f"/v1/users/{ada.id}")) == ada.user
    await limited.wait_for_log("rate_limit.exceeded", limit="rest", user_id=ada.id)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/rooms", b'{"name": 7}'),
        ("POST", "/v1/rooms", b"{" + b",".join(b'"x%d": 1' % number for number in range(100)) + b"}"),
        ("GET", "/v1/rooms?limit=x", b""),
        ("GET", "/v1/rooms/x", b""),
    ],
)
async def test_what_cannot_be_understood_counts_against_the_user_who_sent_it(
    limited: ServerProcess, people: MakePerson, method: str, path: str, body: bytes
) -> None:
    ada, eve = await people(), await people()
    headers = {"Content-Type": "application/json"} if body else {}
    answers = [await ada.http.request(method, path, content=body, headers=headers) for _ in range(45)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == sorted(statuses)
    assert 1 <= statuses.count(429) <= 25
    check_problem(answers[0], 422, "validation_error")
    check_problem(answers[-1], 429, "rate_limited")
    assert (await eve.http.get("/v1/users/me")).status_code == 200


async def test_what_cannot_be_understood_counts_against_the_address_of_somebody_unknown(
    limited: ServerProcess, address: dict[str, str]
) -> None:
    async with http_client(limited, **address) as http:
        for body in (b"{}", b"no json"):
            answer = await http.post("/v1/auth/signup", content=body, headers={"Content-Type": "application/json"})
            check_problem(answer, 422, "validation_error")
        for _ in range(38):
            check_problem(await http.post("/v1/auth/login", data={"x": "y"}), 422, "validation_error")
        check_problem(await http.post("/v1/auth/login", data={"x": "y"}), 429, "rate_limited")
        refused = await http.post("/v1/auth/signup", content=b"no json", headers={"Content-Type": "application/json"})
        check_problem(refused, 429, "rate_limited")


async def test_health_is_never_limited(limited: ServerProcess, address: dict[str, str]) -> None:
    async with http_client(limited, **address) as http:
        for _ in range(60):
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/readyz")).status_code == 200


async def test_handshakes_are_counted_by_address_the_refused_ones_too(
    limited: ServerProcess, people: MakePerson, address: dict[str, str]
) -> None:
    ada = await people()
    (sent,) = address.items()
    for _ in range(2):
        check_problem(await handshake(limited, sent, token="x"), 401, "invalid_token")
        assert (await handshake(limited, sent, token=ada.access_token)).status_code == 101
    check_problem(await handshake(limited, sent, token=ada.access_token), 429, "rate_limited")
    check_problem(await handshake(limited, sent), 429, "rate_limited")
    await limited.wait_for_log("ws.refused", code="rate_limited", client=address["X-Forwarded-For"])
    elsewhere = ("X-Forwarded-For", "198.51.100.1")
    assert (await handshake(limited, elsewhere, token=ada.access_token)).status_code == 101


async def test_behind_a_trusted_proxy_the_last_untrusted_address_counts(limited: ServerProcess) -> None:
    first, second = (f"198.51.100.{number}" for number in secrets.SystemRandom().sample(range(2, 250), 2))
    async with http_client(limited) as http:
        for _ in range(3):
            assert (await _sign_up_from(http, {"X-Forwarded-For": first})).status_code == 201
        check_problem(await _sign_up_from(http, {"X-Forwarded-For": first}), 429, "rate_limited")
        assert (await _sign_up_from(http, {"X-Forwarded-For": second})).status_code == 201
        # What stands before the address that the proxy saw was written by the client.
        check_problem(await _sign_up_from(http, {"X-Forwarded-For": f"203.0.113.9, {first}"}), 429, "rate_limited")
    seen = {line["client"] for line in limited.find_logs("auth.signed_up")}
    assert {first, second} <= seen
    assert "203.0.113.9" not in seen


def _claims_to_be_elsewhere() -> Iterator[dict[str, str]]:
    """Give headers that name another address each time, in turn in each way that somebody believes."""
    names = ("X-Forwarded-For", "X_FORWARDED_FOR", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP")
    for number, name in enumerate(itertools.cycle(names)):
        address = f"10.0.{number // 256}.{number % 256}"
        yield {name: f"for={address}" if name == "Forwarded" else address}


async def test_without_a_proxy_no_header_makes_another_address(make_server: MakeServer) -> None:
    server, elsewhere = make_server(**STRICT), _claims_to_be_elsewhere()
    name = fresh_username()
    async with http_client(server) as http:
        signed_up = [(await _sign_up_from(http, next(elsewhere))).status_code for _ in range(6)]
        form = {"username": name, "password": fresh_password()}
        logged_in = [
            (await http.post("/v1/auth/login", data=form, headers=next(elsewhere))).status_code for _ in range(6)
        ]
        asked = [(await http.get("/v1/users/me", headers=next(elsewhere))).status_code for _ in range(100)]
    upgraded = [(await handshake(server, *next(elsewhere).items())).status_code for _ in range(6)]
    assert signed_up == [201] * 3 + [429] * 3
    assert logged_in == [401] * 3 + [429] * 3
    assert (asked[0], asked[-1]) == (401, 429)
    assert asked == sorted(asked), "once it is enough, nobody else's name helps"
    assert upgraded == [401] * 4 + [429] * 2
    clients = {line["client"] for event in ("auth.signed_up", "http.request") for line in server.find_logs(event)}
    assert clients == {"127.0.0.1"}


async def test_a_header_with_underscores_is_no_word_of_the_proxy(limited: ServerProcess) -> None:
    """Some proxies let it through as the client sent it, and CGI would take it for the same."""
    named = ("X-Request-ID", f"underscores-{secrets.token_hex(4)}")
    await handshake(limited, ("X_FORWARDED_FOR", "203.0.113.77"), named, token="x")
    assert (await limited.wait_for_log("ws.refused", request_id=named[1]))["client"] == "127.0.0.1"


async def test_a_limited_page_can_read_how_long_to_wait(limited: ServerProcess, people: MakePerson) -> None:
    ada = await people()
    ada.http.headers["Origin"] = ORIGIN
    for _ in range(40):
        await ada.http.get("/v1/users/me")
    response = await ada.http.get("/v1/users/me")
    check_problem(response, 429, "rate_limited")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = response.headers["Access-Control-Expose-Headers"].lower()
    for name in ("retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"):
        assert name in exposed


async def _sign_up_from(http: httpx2.AsyncClient, headers: dict[str, str]) -> httpx2.Response:
    body = {"username": fresh_username(), "password": fresh_password()}
    return await http.post("/v1/auth/signup", json=body, headers=headers)

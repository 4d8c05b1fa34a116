"""`/metrics`: who may ask, what it is, and that no client adds to it."""

from __future__ import annotations

import secrets
from pathlib import Path

import httpx2
from prometheus_client import REGISTRY

from tests.support.inside import Inside, open_inside
from tests.support.problems import check_problem
from tests.support.scraping import Scrape, check_conventions


async def scrape(inside: Inside) -> Scrape:
    answer = await (await inside.client()).get("/metrics")
    assert answer.status_code == 200
    return Scrape(answer.text)


async def test_names_helps_and_types_are_as_prometheus_wants_them(inside: Inside) -> None:
    await (await inside.client()).get("/healthz")
    check_conventions(await scrape(inside))


async def test_the_answer_is_plain_text_of_the_format_that_every_prometheus_reads(inside: Inside) -> None:
    answer = await (await inside.client(Accept="application/openmetrics-text")).get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    # Its own client would hold the answer against a document that has /metrics.
    async with (
        open_inside(tmp_path, metrics_enabled=False) as inside,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(inside.app), base_url="http://testserver") as http,
    ):
        check_problem(await http.get("/metrics"), 404, "not_found")
        assert "/metrics" not in (await http.get("/openapi.json")).json()["paths"]


async def test_it_costs_nobodys_budget_and_is_asked_by_address(tmp_path: Path) -> None:
    settings = {"rate_limits_enabled": True, "rate_limit_rest": "1/hour", "allowed_hosts": "chat.example.org"}
    async with open_inside(tmp_path, **settings) as inside:
        http = await inside.client(Host="10.0.0.7:8000")
        assert [(await http.get("/metrics")).status_code for _ in range(5)] == [200] * 5


async def test_every_node_has_numbers_of_its_own_and_none_are_global(inside: Inside, tmp_path: Path) -> None:
    await (await inside.client()).get("/v1/users/me")
    async with open_inside(tmp_path) as other:
        assert (await scrape(inside)).value("chat_refusals_total", door="rest", code="missing_token") >= 1
        assert (await scrape(other)).value("chat_refusals_total", door="rest", code="missing_token") == 0
    assert not [family for family in REGISTRY.collect() if family.name.startswith("chat_")]


ROUNDS = 40  # each hashes a password


async def test_no_client_adds_a_series(inside: Inside) -> None:
    """Whatever path, method, name, room, key, address or code it makes up."""
    http = await inside.client()
    for method, path in (("GET", "/none"), ("POST", "/v1/auth/login"), ("GET", "/v1/rooms/x"), ("GET", "/metrics")):
        await http.request(method, path)
    before = await scrape(inside)
    for _ in range(ROUNDS):
        word = secrets.token_hex(6)
        await http.get(f"/{word}/{word}?{word}={word}", headers={"X-Request-ID": word, "User-Agent": word})
        await http.request(word.translate(str.maketrans("0123456789", "ghijklmnop")).upper(), f"/v1/rooms/{word}")
        await http.get(f"/v1/rooms/{word}", headers={"Authorization": f"Bearer {word}"})
        await http.post("/v1/auth/login", data={"username": word, "password": word[:3]})
    after = await scrape(inside)
    assert set(after.values) == set(before.values)
    assert after.value("chat_http_requests_total", route="other", method="other", status="4xx") >= 2 * ROUNDS

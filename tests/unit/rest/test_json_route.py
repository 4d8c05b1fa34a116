"""Bodies are JSON in UTF-8, and what is not is a problem document that names the body."""

from __future__ import annotations

from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Form
from starlette.exceptions import HTTPException

from api.broadcast.stats import NodeStats
from api.middleware.context import ContextMiddleware
from api.middleware.errors import FIELDS_MAX, add_error_handlers
from api.middleware.rate_limit import HttpLimits
from api.rest.json_route import JsonRoute
from tests.support.problems import check_problem


async def send(body: bytes, path: str = "/", **headers: str) -> httpx2.Response:
    app, router = FastAPI(), APIRouter(route_class=JsonRoute)

    async def echo(body: dict[str, object]) -> dict[str, object]:
        if "raise" in body:
            raise HTTPException(405, "not now")
        return body

    async def take(form: Annotated[dict[str, str], Form()]) -> None:
        pass

    router.post("/")(echo)
    router.post("/form")(take)
    app.include_router(router)
    app.state.http_limits = HttpLimits("1/minute", is_enabled=False, stats=NodeStats())
    add_error_handlers(app)
    app.add_middleware(ContextMiddleware, new_id=lambda: "r1")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as http:
        return await http.post(path, content=body, headers={"Content-Type": "application/json"} | headers)


@pytest.mark.parametrize("body", [b'{"a": "\xc3\xa4"}', b' {"a": "\\u00e4"} '])
async def test_json_in_utf_8_is_read(body: bytes) -> None:
    assert (await send(body)).json() == {"a": "ä"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": 1,}',
        b'{"a": "\xe4"}',
        b'{"a": "\\ud800"}',
        '{"a": "ä"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a": 1}',
    ],
)
async def test_anything_else_is_refused_as_a_fault_of_the_body(body: bytes) -> None:
    document = check_problem(await send(body), 422, "validation_error")
    assert {error["loc"][0] for error in document["errors"]} == {"body"}


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"&".join([b"x="] * 1_001)),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n"),
        ("multipart/form-data", b"--x\r\n"),
    ],
)
async def test_a_form_that_cannot_be_read_is_a_fault_of_the_body(media_type: str, body: bytes) -> None:
    answer = await send(body, "/form", **{"Content-Type": media_type})
    document = check_problem(answer, 422, "validation_error")
    assert [(error["loc"], error["type"]) for error in document["errors"]] == [(["body"], "body_unreadable")]


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=1&b=2&%61=1"),
        (
            "multipart/form-data; boundary=x",
            b"".join(
                b'--x\r\nContent-Disposition: form-data; name="a"%s\r\n\r\n1\r\n' % file
                for file in (b"", b'; filename="f"')
            )
            + b"--x--\r\n",
        ),
    ],
)
async def test_a_field_that_a_form_has_twice_is_refused(media_type: str, body: bytes) -> None:
    document = check_problem(await send(body, "/form", **{"Content-Type": media_type}), 422, "validation_error")
    assert [(error["loc"], error["type"]) for error in document["errors"]] == [(["body", "a"], "repeated_field")]


async def test_an_object_of_many_fields_is_one_error() -> None:
    def of(count: int) -> bytes:
        return b"{" + b",".join(b'"f%d": 1' % number for number in range(count)) + b"}"

    assert len((await send(of(FIELDS_MAX))).json()) == FIELDS_MAX
    (error,) = check_problem(await send(of(FIELDS_MAX + 1)), 422, "validation_error")["errors"]
    assert (error["loc"], error["type"]) == (["body"], "too_many_fields")


async def test_what_a_handler_refuses_stays_what_it_is() -> None:
    check_problem(await send(b'{"raise": 1}'), 405, "method_not_allowed")


async def test_a_parameter_of_the_query_that_is_there_twice_is_refused() -> None:
    assert (await send(b"{}", "/?x=1&y=1")).status_code == 200
    document = check_problem(await send(b"{}", "/?x=1&y=1&x=1"), 422, "validation_error")
    assert [(error["loc"], error["type"]) for error in document["errors"]] == [(["query", "x"], "repeated_field")]

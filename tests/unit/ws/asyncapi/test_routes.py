"""The document and the page as the app serves them."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.testclient import TestClient

from api.ws.asyncapi.document import describe
from api.ws.asyncapi.page import render
from api.ws.asyncapi.routes import add_socket_docs
from config.settings import Settings
from tests.support.judge import limits_of

LIMITS = limits_of(Settings.load(None))


def client() -> TestClient:
    app = FastAPI()
    add_socket_docs(app, LIMITS)
    return TestClient(app)


def test_the_document_is_served_as_json() -> None:
    answer = client().get("/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == describe(LIMITS)


def test_the_page_is_made_from_the_document() -> None:
    answer = client().get("/docs/ws")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == render(describe(LIMITS))


def test_the_page_may_load_its_style_and_run_nothing() -> None:
    http = client()
    policy = http.get("/docs/ws").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self';")
    assert "script" not in policy
    assert "unsafe" not in policy
    style = http.get("/docs/ws/page.css")
    assert style.status_code == 200
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text
    assert "@import" not in style.text

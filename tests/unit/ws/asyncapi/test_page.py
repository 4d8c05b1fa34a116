"""The page shows the whole document, and nothing in the document can break it."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from api.ws.asyncapi.page import render
from tests.unit.ws.asyncapi.documents import document
from tests.unit.ws.asyncapi.test_markup import EVIL, Reader

DOCUMENT = document()
PAGE = render(DOCUMENT)
READ = Reader(PAGE)
IDS = [attributes["id"] for _, attributes in READ.tags if "id" in attributes]
LINKS = [str(attributes["href"]) for _, attributes in READ.tags if "href" in attributes]


def article(name: str) -> str:
    """Give the entry of an operation."""
    found = re.search(rf'<article id="{re.escape(name)}">(.*?)</article>', PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_every_command_push_event_and_object_has_a_place_of_its_own() -> None:
    assert set(DOCUMENT["operations"]) <= set(IDS)
    assert {"Message", "Room", "User", "UserRef"} <= set(IDS)
    assert {f"code-{one['code']}" for one in DOCUMENT["x-error-codes"]} <= set(IDS)
    assert len(IDS) == len(set(IDS))


def test_every_link_within_the_page_leads_somewhere() -> None:
    inner = {link.removeprefix("#") for link in LINKS if link.startswith("#")}
    assert inner - set(IDS) == set()
    assert {"overview", "handshake", "close-codes", "error-codes", "limits", *DOCUMENT["operations"]} <= inner


def test_links_to_elsewhere_are_relative() -> None:
    """Behind a proxy the paths may have a prefix."""
    outer = {link for link in LINKS if not link.startswith("#")}
    assert outer == {"../docs", "../asyncapi.json", "ws/page.css", "swagger/favicon-32x32.png"}


@pytest.mark.parametrize("name", DOCUMENT["operations"])
def test_an_entry_shows_fields_example_and_errors(name: str) -> None:
    operation = DOCUMENT["operations"][name]
    shown = article(name)
    text = Reader(shown).text
    assert operation["summary"].replace("`", "") in text
    messages = [name, *([f"{name}.ack"] if "reply" in operation else [])]
    for message in messages:
        for example in DOCUMENT["components"]["messages"][message]["examples"]:
            for field in example["payload"]:
                assert f'"{field}"' in text
    for code in operation.get("x-errors", []):
        assert f'href="#code-{code}"' in shown


def test_the_fields_of_a_command_are_told() -> None:
    assert re.findall(r"<dt><code>(\w+)</code>", article("message.send")) == [
        *("room_id", "body", "idempotency_key"),
        *("message", "duplicate"),
    ]


def test_what_all_events_have_is_told_once() -> None:
    assert PAGE.count("Fields of every event") == 1
    assert re.findall(r"<dt><code>(\w+)</code>", article("member.joined")) == ["user", "role"]


def test_the_tables_have_all_rows() -> None:
    channel = DOCUMENT["channels"]["socket"]
    for listed in ("x-handshake-refusals", "x-close-codes"):
        for one in channel[listed]:
            assert one["meaning"].replace("`", "") in READ.text
    for one in (*DOCUMENT["x-error-codes"], *channel["x-limits"].values()):
        assert one["meaning"].replace("`", "") in READ.text
    for close in channel["x-close-codes"]:
        assert str(close["code"]) in READ.text


def test_a_limit_that_is_not_set_is_none() -> None:
    changed = copy.deepcopy(DOCUMENT)
    changed["channels"]["socket"]["x-limits"]["messages"]["value"] = None
    assert re.search(r"messages</code></td><td [^>]*>none<", render(changed))


def test_it_has_no_script_and_no_style_of_its_own() -> None:
    """The page's Content-Security-Policy lets in its own style sheet and nothing else."""
    names = {name for name, _ in READ.tags}
    assert not names & {"script", "style", "iframe", "object", "form", "base"}
    for _, attributes in READ.tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]


def test_no_text_of_the_document_becomes_markup() -> None:
    def spoilt(node: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON is any
        if isinstance(node, dict):
            return {key: spoilt(value, key) for key, value in node.items()}
        if isinstance(node, list):
            return [spoilt(item, name) for item in node]
        return node + EVIL if isinstance(node, str) and name in SPOILT else node

    page = render(spoilt(DOCUMENT))
    assert EVIL not in page
    assert "<script" not in page
    assert [name for name, _ in Reader(page).tags] == [name for name, _ in READ.tags]


SPOILT = {"title", "description", "summary", "meaning", "version", "x-close-rule", "topic", "detail"}


def test_it_is_small() -> None:
    assert len(PAGE.encode()) < 200_000

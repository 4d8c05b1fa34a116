"""Text in the page is text, whatever it holds."""

from __future__ import annotations

import html.parser
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ws.asyncapi.markup import Markup, blocks, inline, join, json_block, tag

EVIL = "<script>alert('x' && \"y\")</script>"


class Reader(html.parser.HTMLParser):
    """Reads HTML as a browser would: tags, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_is_escaped_wherever_it_goes() -> None:
    read = Reader(tag("p", EVIL, tag("b", EVIL), title=EVIL))
    assert read.tags == [("p", {"title": EVIL}), ("b", {})]
    assert read.text == EVIL * 2


@given(st.text(), st.text())
def test_no_text_becomes_a_tag_or_an_attribute(text: str, value: str) -> None:
    read = Reader(tag("p", text, id=value))
    assert [name for name, _ in read.tags] == ["p"]
    assert read.tags[0][1].keys() == {"id"}


def test_markup_is_not_escaped_again() -> None:
    assert tag("p", tag("b", "&")) == "<p><b>&amp;</b></p>"
    assert join(["<", Markup("<br>")]) == "&lt;<br>"


def test_attributes_are_named_as_python_lets_them() -> None:
    assert (
        tag("td", class_="a", data_column="b", aria_label="c") == '<td class="a" data-column="b" aria-label="c"></td>'
    )
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("a `code` and **strong**.", "a <code>code</code> and <strong>strong</strong>."),
        ("`a < b`", "<code>a &lt; b</code>"),
        (f"`{EVIL}`", "<code>&lt;script&gt;alert(&#x27;x&#x27; &amp;&amp; &quot;y&quot;)&lt;/script&gt;</code>"),
        ("**<i>**", "<strong>&lt;i&gt;</strong>"),
        ("2 * 3 * 4 and a lone `", "2 * 3 * 4 and a lone `"),
    ],
)
def test_a_line_shows_code_and_stress(text: str, written: str) -> None:
    assert inline(text) == written


def test_paragraphs_and_code_stand_apart() -> None:
    assert blocks("one\n\ntwo") == "<p>one</p><p>two</p>"
    assert blocks("see\n\n```js\na < b `c`\n```\n\nend") == ("<p>see</p><pre><code>a &lt; b `c`</code></pre><p>end</p>")


@pytest.mark.parametrize(
    "value",
    [{}, {"a": 1}, {"a": {"b": [1, "two", None, True, {}, []]}}, {EVIL: EVIL}, {"ä": "…"}],
)
def test_json_can_be_copied_from_the_page(value: dict[str, Any]) -> None:
    assert json.loads(Reader(json_block(value)).text) == value


def test_json_stands_over_lines() -> None:
    assert Reader(json_block({"a": [1, {"b": 2}], "c": []})).text == (
        '{\n  "a": [\n    1,\n    {\n      "b": 2\n    }\n  ],\n  "c": []\n}'
    )

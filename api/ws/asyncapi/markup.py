"""HTML in which nothing can be forgotten to be escaped: text becomes markup in one place."""

import html
import json
import re
from collections.abc import Sequence
from typing import Final

from api.protocol.frames import Json

_FENCE: Final = re.compile(r"```\w*\n(?P<code>.*?)\n```", re.DOTALL)
_INLINE: Final = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*")
_VOID: Final = frozenset({"meta", "link"})


class Markup(str):
    """HTML that is safe as it is."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """Build an element; children that are no `Markup` are text. `class_` is written `class`, `data_x` `data-x`."""
    shown = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{join(children)}</{name}>")


def join(parts: Sequence[str]) -> Markup:
    """Put text and markup behind each other."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def inline(text: str) -> Markup:
    """Write one line of CommonMark as far as the descriptions use it: `code` and **strong**."""
    parts: list[str] = []
    end = 0
    for found in _INLINE.finditer(text):
        parts.append(text[end : found.start()])
        parts.append(tag("code", found["code"]) if found["code"] else tag("strong", found["strong"]))
        end = found.end()
    return join([*parts, text[end:]])


def blocks(text: str) -> Markup:
    """Write paragraphs, and fenced blocks of code."""
    parts = []
    for block in text.split("\n\n"):
        fenced = _FENCE.fullmatch(block.strip())
        parts.append(tag("pre", tag("code", fenced["code"])) if fenced else tag("p", inline(block)))
    return join(parts)


def json_block(value: Json) -> Markup:
    """Write a JSON object over several lines, its keys and values marked for the style sheet."""
    return tag("pre", tag("code", _json(value, "\n")), class_="json")


def _json(value: object, line: str) -> Markup:
    if isinstance(value, dict | list) and value:
        deeper = line + "  "
        if isinstance(value, dict):
            items = [
                join([tag("span", _plain(key), class_="key"), ": ", _json(item, deeper)]) for key, item in value.items()
            ]
            opening, closing = "{", "}"
        else:
            items = [_json(item, deeper) for item in value]
            opening, closing = "[", "]"
        rows = [join([deeper, item, "," if index < len(items) else ""]) for index, item in enumerate(items, 1)]
        return join([opening, *rows, line, closing])
    return tag("span", _plain(value), class_="text" if isinstance(value, str) else "value")


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

"""The documents as their readers see them: headings, code blocks, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_BLOCK: Final = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^(?P<level>#+) (?P<title>.+)$")


@dataclass(frozen=True)
class Block:
    """One fenced block; without a language it is a picture."""

    language: str
    text: str


def page(name: str) -> str:
    """Read a document, by its path in the repository."""
    return (REPOSITORY / name).read_text(encoding="utf-8")


def pages() -> list[Path]:
    """Give every document."""
    return sorted(
        [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "clients").rglob("*.md")]
    )


def blocks(text: str) -> list[Block]:
    """Give the fenced blocks of a text, in order."""
    return [Block(found["language"], found["text"]) for found in _BLOCK.finditer(text)]


def without_blocks(text: str) -> str:
    """Give a text without its fenced blocks."""
    return _BLOCK.sub("", text)


def sections(text: str) -> dict[str, str]:
    """Give what stands under each heading of the second level."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def anchors(text: str) -> set[str]:
    """Give the anchors of a document's headings, as GitHub makes them."""
    found = (_HEADING.match(line) for line in without_blocks(text).splitlines())
    return {re.sub(r"[^\w\- ]", "", match["title"].lower()).replace(" ", "-") for match in found if match}

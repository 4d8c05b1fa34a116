"""Every sabotage still finds the line that it breaks: told at once, not only when the long tests run."""

from __future__ import annotations

import pytest

from tests.sabotage.rows import TOPICS
from tests.sabotage.sabotage import Sabotage
from tests.sabotage.workshop import REPOSITORY


@pytest.mark.parametrize("topic", TOPICS)
def test_every_text_to_replace_is_there_once(topic: str) -> None:
    lost = [sabotage.what for sabotage in TOPICS[topic].sabotages if not _has_its_places(sabotage)]
    assert lost == [], "the source has moved on; so must the sabotage"


def _has_its_places(sabotage: Sabotage) -> bool:
    texts: dict[str, str] = {}
    for edit in sabotage.edits:
        text = texts.get(edit.file) or (REPOSITORY / edit.file).read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            return False
        texts[edit.file] = text.replace(edit.old, edit.new)
    return True

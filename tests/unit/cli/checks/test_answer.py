"""What an answer holds that anybody may have given."""

from __future__ import annotations

import httpx2
import pytest

from api.cli.checks.answer import json_object


def test_an_object_is_read() -> None:
    assert json_object(httpx2.Response(200, content='{"status": "ok"}')) == {"status": "ok"}


@pytest.mark.parametrize("content", ["", "<html>", "[]", '"ok"', "[" * 100_000, b"\xff"])
def test_anything_else_is_an_empty_one(content: str | bytes) -> None:
    assert json_object(httpx2.Response(200, content=content)) == {}

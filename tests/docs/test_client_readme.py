"""The example of the Python client is run as it stands there."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs.pages import blocks, page
from tests.docs.terminals import Screen
from tests.support.fixtures import MakeServer
from tests.support.server import chat_environment


def test_the_example_of_the_python_client_works_as_written(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(RATE_LIMITS_ENABLED="true")
    (example,) = [block.text for block in blocks(page("clients/python/README.md")) if block.language == "python"]
    (tmp_path / "example.py").write_text(example.replace("http://127.0.0.1:8000", server.url), encoding="utf-8")
    screen = Screen(f"{sys.executable} example.py", tmp_path, chat_environment(tmp_path))
    try:
        screen.wait_for(r"^sent as number 2$")
    finally:
        screen.close()
